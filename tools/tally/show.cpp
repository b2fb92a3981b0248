#include "tools/tally/show.h"

#include <algorithm>

namespace tally::tools {
namespace {

constexpr std::uint64_t page_items_max = 500;

using Lines = std::vector<std::pair<std::string, std::string>>;

// Lists read best on one line: "10.0.0.0/8, 192.0.2.1".
std::string cell_of(const Json& value) {
  if (value.is_array()) {
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) text += (i == 0 ? "" : ", ") + cell_of(value.item(i));
    return text;
  }
  return value.is_object() ? value.dump() : value.text();
}

void collect(const Json& object, const std::string& prefix, Lines& lines) {
  for (const std::string& name : object.names()) {
    const Json value = object[name];
    if (value.is_object()) {
      collect(value, prefix + name + ".", lines);
    } else {
      lines.emplace_back(prefix + name, value.is_null() ? "-" : cell_of(value));
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

int show_list(Session& session, const std::string& path, std::uint64_t limit, const std::vector<ListColumn>& columns,
              const std::string& nothing) {
  std::vector<Column> titles;
  for (const ListColumn& one : columns) titles.push_back(one.column);
  Table table(titles);
  std::uint64_t shown = 0;
  std::string cursor;
  do {
    const std::uint64_t wanted = limit == 0 ? page_items_max : std::min(limit - shown, page_items_max);
    auto page = Api(session).call(
        "GET", path + "?limit=" + std::to_string(wanted) + (cursor.empty() ? "" : "&cursor=" + url_encoded(cursor)));
    if (!page) return report(session, page.error());
    const Json items = (*page)["items"];
    for (std::size_t i = 0; i < items.size(); ++i, ++shown) {
      if (session.settings.json) {
        session.out << items.item(i).dump() << "\n";
        continue;
      }
      std::vector<std::string> cells;
      for (const ListColumn& one : columns) cells.push_back(cell_of(items.item(i).at_path(one.path)));
      table.add(std::move(cells));
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

}  // namespace tally::tools
