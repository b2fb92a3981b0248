// How a report's table is spelled: JSON, NDJSON, CSV, XML.
//
// A document is a head, rows and a tail. The rows' bytes, whose SHA-256 is the report's digest, are: in JSON the value
// of `rows`; in NDJSON and CSV every line but CSV's header; in XML what is inside <rows>.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/report_table.h"

namespace tally::http {

// Members in their order, for the head and the totals.
using Members = std::vector<std::pair<std::string_view, Cell>>;

class RowEncoder {
 public:
  virtual ~RowEncoder() = default;

  // What the rows' bytes begin and end with.
  virtual std::string_view before_rows() const { return {}; }
  virtual std::string_view after_rows() const { return {}; }
  // Appends a row. `first`: none was written before it, in this or an earlier attempt.
  virtual void row(std::string& out, const TableRow& row, bool first) const = 0;
  virtual std::string head(const Members& facts) const = 0;
  virtual std::string tail(const Members& totals) const = 0;
};

// CSV is RFC 4180 with a header line. A text that a spreadsheet would take for a formula (it begins with one of = + - @
// tab CR) gets an apostrophe in front; numbers stay as they are.
std::unique_ptr<RowEncoder> make_encoder(ReportFormat format, TableShape shape);

std::string_view content_type_of(ReportFormat format) noexcept;

// A JSON object of such members.
std::string members_json(const Members& members);

}  // namespace tally::http
