// Objects and lists of the server, as people read them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/tally/api.h"
#include "tools/tally/table.h"

namespace tally::tools {

// `name  value`, one member a line, nested objects as `outer.inner`; with --json the object on one line.
void show_object(Session& session, const Json& object);

// Shows the object that was answered, or reports why there is none. The exit code.
int show_answer(Session& session, const Outcome<Json>& answer);

struct ListColumn {
  Column column;
  std::string path;  // of the value in an item; nested names with dots
};

Table table_of(const std::vector<ListColumn>& columns);
void add_row(Table& table, const std::vector<ListColumn>& columns, const Json& item);

// Follows next_cursor through the pages of `path`, which may have parameters, until `limit` items (0: all). A table, or
// with --json one item a line.
int show_list(Session& session, const std::string& path, std::uint64_t limit, const std::vector<ListColumn>& columns,
              const std::string& nothing, Api::Caller caller = Api::Caller::operator_);

// As show_answer, of a call that takes something away.
int show_deleted(Session& session, const Outcome<Json>& answer, const std::string& id);

}  // namespace tally::tools
