#include "http/report_table.h"

namespace tally::http {

namespace {

void add_columns(TableShape& shape, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) shape.columns.push_back({name});
}

void add_entry_columns(TableShape& shape) {
  add_columns(shape, {"seq", "id", "type", "amount", "balance_after", "endpoint"});
  shape.columns.push_back({"event", ShownIn::objects});
  shape.columns.push_back({"event_source", ShownIn::columns});
  shape.columns.push_back({"event_id", ShownIn::columns});
  add_columns(shape, {"price_version", "hold", "reverses", "lots", "description", "reference", "metadata", "created_at",
                      "prev_hash", "hash"});
}

}  // namespace

TableShape shape_of(const ReportTask& task, bool by_operator) {
  TableShape shape;
  switch (task.request.type) {
    case ReportType::usage:
      if (by_operator) add_columns(shape, {"account"});
      add_columns(shape, {"period"});
      for (const GroupBy group : task.request.group_by) shape.columns.push_back({to_string(group)});
      add_columns(shape, {"requests", "ok", "failed", "results", "credits"});
      break;
    case ReportType::ledger:
      if (by_operator) add_columns(shape, {"account"});
      add_entry_columns(shape);
      break;
    case ReportType::statement:
      add_columns(shape, {"account", "opening", "granted", "consumed", "expired", "adjusted", "closing", "debt"});
      shape.items_name = "by_endpoint";
      for (const std::string_view name : {"endpoint", "category", "requests", "results", "credits"})
        shape.item_columns.push_back({name});
      break;
    case ReportType::what_if:
      add_columns(shape, {"account", "endpoint", "old", "new", "difference"});
      break;
  }
  return shape;
}

}  // namespace tally::http
