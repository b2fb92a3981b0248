#include "http/report_format.h"

#include <array>
#include <charconv>

#include "http/csv_text.h"
#include "http/json_writer.h"
#include "http/xml_text.h"

namespace tally::http {

namespace {

bool in_objects(const Column& column) {
  return column.shown_in != ShownIn::columns;
}
bool in_columns(const Column& column) {
  return column.shown_in != ShownIn::objects;
}

// The characters of a cell, but for those of a text.
void append_number_cell(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::integer: {
      std::array<char, 20> digits;
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), cell.number).ptr;
      out.append(digits.data(), end);
      return;
    }
    case Cell::Kind::credits:
      out += Credits::from_micros(cell.number).to_string();
      return;
    case Cell::Kind::time:
      out += UtcTime::from_ms(cell.number).to_string();
      return;
    case Cell::Kind::none:
    case Cell::Kind::text:
    case Cell::Kind::json:
      return;
  }
}

void append_json_cell(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::none:
      out += "null";
      return;
    case Cell::Kind::text:
      append_json_string(out, cell.text);
      return;
    case Cell::Kind::json:
      out += cell.text;
      return;
    case Cell::Kind::integer:
      append_number_cell(out, cell);
      return;
    case Cell::Kind::credits:
    case Cell::Kind::time:
      out.push_back('"');
      append_number_cell(out, cell);
      out.push_back('"');
      return;
  }
}

// {"name":value,…} of the cells that are there.
void append_json_members(std::string& out, const std::vector<Column>& columns, const Cell* cells, bool& comma) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!in_objects(columns[i]) || cells[i].kind == Cell::Kind::none) continue;
    if (comma) out.push_back(',');
    comma = true;
    out.push_back('"');
    out.append(columns[i].name).append("\":");
    append_json_cell(out, cells[i]);
  }
}

void append_json_row(std::string& out, const TableShape& shape, const TableRow& row) {
  bool comma = false;
  out.push_back('{');
  append_json_members(out, shape.columns, row.cells.data(), comma);
  if (!shape.items_name.empty()) {
    if (comma) out.push_back(',');
    out.push_back('"');
    out.append(shape.items_name).append("\":[");
    const std::size_t width = shape.item_columns.size();
    for (std::size_t at = 0; at + width <= row.items.size(); at += width) {
      if (at > 0) out.push_back(',');
      out.push_back('{');
      bool item_comma = false;
      append_json_members(out, shape.item_columns, row.items.data() + at, item_comma);
      out.push_back('}');
    }
    out.push_back(']');
  }
  out.push_back('}');
}

class JsonRows final : public RowEncoder {
 public:
  explicit JsonRows(TableShape shape) : shape_(std::move(shape)) {}
  std::string_view before_rows() const override { return "["; }
  std::string_view after_rows() const override { return "]"; }
  void row(std::string& out, const TableRow& row, bool first) const override {
    if (!first) out.push_back(',');
    append_json_row(out, shape_, row);
  }
  std::string head(const Members& facts) const override {
    std::string head = members_json(facts);
    head.back() = ',';
    return head + "\"rows\":";
  }
  std::string tail(const Members& totals) const override { return ",\"totals\":" + members_json(totals) + "}"; }

 private:
  TableShape shape_;
};

class NdjsonRows final : public RowEncoder {
 public:
  explicit NdjsonRows(TableShape shape) : shape_(std::move(shape)) {}
  void row(std::string& out, const TableRow& row, bool) const override {
    append_json_row(out, shape_, row);
    out.push_back('\n');
  }
  std::string head(const Members&) const override { return {}; }
  std::string tail(const Members&) const override { return {}; }

 private:
  TableShape shape_;
};

class CsvRows final : public RowEncoder {
 public:
  explicit CsvRows(TableShape shape) : shape_(std::move(shape)) {}
  void row(std::string& out, const TableRow& row, bool) const override {
    const std::size_t width = shape_.item_columns.size();
    const std::size_t begin = out.size();
    bool comma = false;
    append(out, shape_.columns, row.cells.data(), comma);
    const std::size_t own_bytes = out.size() - begin;
    const bool row_comma = comma;
    std::size_t at = 0;
    do {
      // What the row's lines have in common is spelled once.
      if (at > 0) out.append(out, begin, own_bytes);
      comma = row_comma;
      if (width > 0) append(out, shape_.item_columns, at < row.items.size() ? row.items.data() + at : nullptr, comma);
      out += "\r\n";
      at += width;
    } while (width > 0 && at < row.items.size());
  }
  std::string head(const Members&) const override {
    std::string head;
    for (const auto* columns : {&shape_.columns, &shape_.item_columns}) {
      for (const Column& column : *columns) {
        if (!in_columns(column)) continue;
        if (!head.empty()) head.push_back(',');
        head += column.name;
      }
    }
    return head + "\r\n";
  }
  std::string tail(const Members&) const override { return {}; }

 private:
  static void append(std::string& out, const std::vector<Column>& columns, const Cell* cells, bool& comma) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!in_columns(columns[i])) continue;
      if (comma) out.push_back(',');
      comma = true;
      if (cells == nullptr) continue;
      append_number_cell(out, cells[i]);
      append_csv_text(out, cells[i].text);
    }
  }

  TableShape shape_;
};

class XmlRows final : public RowEncoder {
 public:
  explicit XmlRows(TableShape shape) : shape_(std::move(shape)) {}
  void row(std::string& out, const TableRow& row, bool) const override {
    out += "<row>";
    append(out, shape_.columns, row.cells.data());
    if (!shape_.items_name.empty()) {
      out.append("<").append(shape_.items_name).append(">");
      const std::size_t width = shape_.item_columns.size();
      for (std::size_t at = 0; at + width <= row.items.size(); at += width) {
        out += "<item>";
        append(out, shape_.item_columns, row.items.data() + at);
        out += "</item>";
      }
      out.append("</").append(shape_.items_name).append(">");
    }
    out += "</row>";
  }
  std::string head(const Members& facts) const override {
    std::string head = R"(<?xml version="1.0" encoding="UTF-8"?><report>)";
    for (const auto& [name, cell] : facts) append_element(head, name, cell);
    return head + "<rows>";
  }
  std::string tail(const Members& totals) const override {
    std::string tail = "</rows><totals>";
    for (const auto& [name, cell] : totals) append_element(tail, name, cell);
    return tail + "</totals></report>";
  }

 private:
  static void append_element(std::string& out, std::string_view name, const Cell& cell) {
    if (cell.kind == Cell::Kind::none) return;
    out.append("<").append(name).append(">");
    append_number_cell(out, cell);
    append_xml_text(out, cell.text);
    out.append("</").append(name).append(">");
  }
  static void append(std::string& out, const std::vector<Column>& columns, const Cell* cells) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (in_columns(columns[i])) append_element(out, columns[i].name, cells[i]);
    }
  }

  TableShape shape_;
};

}  // namespace

std::unique_ptr<RowEncoder> make_encoder(ReportFormat format, TableShape shape) {
  switch (format) {
    case ReportFormat::json:
      return std::make_unique<JsonRows>(std::move(shape));
    case ReportFormat::ndjson:
      return std::make_unique<NdjsonRows>(std::move(shape));
    case ReportFormat::csv:
      return std::make_unique<CsvRows>(std::move(shape));
    case ReportFormat::xml:
      return std::make_unique<XmlRows>(std::move(shape));
  }
  return nullptr;
}

std::string_view content_type_of(ReportFormat format) noexcept {
  switch (format) {
    case ReportFormat::json:
      return "application/json";
    case ReportFormat::ndjson:
      return "application/x-ndjson";
    case ReportFormat::csv:
      return "text/csv; charset=utf-8; header=present";
    case ReportFormat::xml:
      return "application/xml";
  }
  return "application/octet-stream";
}

std::string members_json(const Members& members) {
  std::string json = "{";
  for (const auto& [name, cell] : members) {
    if (cell.kind == Cell::Kind::none) continue;
    if (json.size() > 1) json.push_back(',');
    json.push_back('"');
    json.append(name).append("\":");
    append_json_cell(json, cell);
  }
  json.push_back('}');
  return json;
}

}  // namespace tally::http
