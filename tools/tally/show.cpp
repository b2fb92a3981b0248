#include "tools/tally/show.h"

#include <algorithm>

namespace tally::tools {
namespace {

constexpr std::uint64_t shown_page_items_max = 500;

using Lines = std::vector<std::pair<std::string, std::string>>;

// One line for what may be several values: "10.0.0.0/8, 192.0.2.1" and "verified_email=0.5, phone=1".
std::string cell_of(const Json& value) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) add(cell_of(value.item(i)));
  for (const std::string& name : value.names()) add(name + "=" + cell_of(value[name]));
  return value.is_array() || value.is_object() ? text : value.text();
}

void collect(const Json& object, const std::string& prefix, Lines& lines) {
  for (const std::string& name : object.names()) {
    const Json value = object[name];
    const std::string cell = cell_of(value);
    if (value.is_object() && !cell.empty()) {
      collect(value, prefix + name + ".", lines);
    } else {
      lines.emplace_back(prefix + name, cell.empty() ? "-" : cell);
    }
  }
}

}  // namespace

void show_object(Session& session, const Json& object) {
  if (session.settings.json) {
    session.out << object.dump() << "\n";
    return;
  }
  Lines lines;
  collect(object, "", lines);
  std::size_t widest = 0;
  for (const auto& [name, value] : lines) widest = std::max(widest, name.size());
  for (const auto& [name, value] : lines) {
    session.out << printable(name) << std::string(widest - name.size() + 2, ' ') << printable(value) << "\n";
  }
}

void add_row(Table& table, const std::vector<ListColumn>& columns, const Json& item) {
  std::vector<std::string> cells;
  for (const ListColumn& one : columns) cells.push_back(cell_of(item.at_path(one.path)));
  table.add(std::move(cells));
}

int show_answer(Session& session, const Outcome<Json>& answer) {
  if (!answer) return report(session, answer.error());
  show_object(session, *answer);
  return static_cast<int>(Exit::ok);
}

Table table_of(const std::vector<ListColumn>& columns) {
  std::vector<Column> titles;
  for (const ListColumn& one : columns) titles.push_back(one.column);
  return Table(std::move(titles));
}

int show_list(Session& session, const std::string& path, std::uint64_t limit, const std::vector<ListColumn>& columns,
              const std::string& nothing, Api::Caller caller) {
  Table table = table_of(columns);
  std::uint64_t shown = 0;
  std::string cursor;
  do {
    const std::uint64_t wanted = limit == 0 ? shown_page_items_max : std::min(limit - shown, shown_page_items_max);
    auto page =
        Api(session, caller)
            .call("GET", path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=" + std::to_string(wanted) +
                             (cursor.empty() ? "" : "&cursor=" + url_encoded(cursor)));
    if (!page) return report(session, page.error());
    const Json items = (*page)["items"];
    for (std::size_t i = 0; i < items.size(); ++i, ++shown) {
      if (session.settings.json) {
        session.out << items.item(i).dump() << "\n";
      } else {
        add_row(table, columns, items.item(i));
      }
    }
    cursor = items.size() == 0 ? "" : (*page)["next_cursor"].text();
  } while (!cursor.empty() && (limit == 0 || shown < limit));
  if (session.settings.json) return static_cast<int>(Exit::ok);
  if (table.empty()) {
    session.err << nothing << "\n";
  } else {
    session.out << table.to_text(session.settings.color);
  }
  return static_cast<int>(Exit::ok);
}

int show_deleted(Session& session, const Outcome<Json>& answer, const std::string& id) {
  if (!answer) return report(session, answer.error());
  if (session.settings.json) {
    session.out << JsonObject().text("deleted", id).str() << "\n";
  } else {
    session.out << "deleted " << printable(id) << "\n";
  }
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools
