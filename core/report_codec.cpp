// The bytes of a stored report: each name is written once, and rows say its number.
#include <algorithm>
#include <unordered_map>

#include "core/report.h"
#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t report_version = 1;

class NameTable {
 public:
  std::uint64_t number_of(std::string_view name) {
    const auto [found, is_new] = numbers_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return found->second;
  }
  const std::vector<std::string_view>& names() const noexcept { return names_; }

 private:
  std::unordered_map<std::string_view, std::uint64_t> numbers_;
  std::vector<std::string_view> names_;
};

std::vector<std::string_view> read_names(Decoder& in) {
  std::vector<std::string_view> names;
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    names.push_back(in.text());
    // A row repeats a name by one byte, so a long one could blow up in memory.
    if (names.back().size() > report_name_bytes_max) in.reject();
  }
  return names;
}

// Gives each set of names that rows have its place in the report.
class NameSets {
 public:
  NameSets(std::vector<std::string_view> names, Report& report) : names_(std::move(names)), report_(report) {}

  std::uint32_t read(Decoder& in) {
    const std::string_view at = in.rest();
    set_.clear();
    for (std::size_t left = report_.request.group_by.size(); left > 0; --left) {
      const std::uint64_t number = in.u64();
      if (number >= names_.size()) in.reject();
      if (!in.ok()) return 0;
      set_.push_back(names_[static_cast<std::size_t>(number)]);
    }
    const auto place = static_cast<std::uint32_t>(report_.names.size());
    const auto [found, is_new] = places_.try_emplace(at.substr(0, at.size() - in.rest().size()), place);
    if (is_new) report_.names.emplace_back(set_.begin(), set_.end());
    return found->second;
  }

 private:
  std::vector<std::string_view> names_;
  Report& report_;
  std::vector<std::string_view> set_;
  std::unordered_map<std::string_view, std::uint32_t> places_;  // by the numbers' bytes
};

ReportRow read_row(Decoder& in, UtcTime before, NameSets& names) {
  ReportRow row;
  std::int64_t ms = 0;
  if (__builtin_add_overflow(before.ms(), in.i64(), &ms) || ms < 0 || ms > utc_time_max.ms()) in.reject();
  row.period = UtcTime::from_ms(ms);
  row.names = names.read(in);
  row.counters = read_counters(in);
  return row;
}

}  // namespace

std::string encode(const Report& report) {
  std::string rows;
  rows.reserve(24 * report.rows.size());
  NameTable table;
  Encoder row_out(rows);
  std::vector<std::string> numbers(report.names.size());  // of each set of names, once a row has it
  UtcTime before;
  for (const ReportRow& row : report.rows) {
    row_out.i64(row.period.ms() - before.ms());
    before = row.period;
    std::string& spelled = numbers[row.names];
    if (spelled.empty()) {
      Encoder out(spelled);
      for (const std::string& name : report.names_of(row)) out.u64(table.number_of(name));
    }
    row_out.raw(spelled);
    write_counters(row_out, row.counters);
  }

  std::string bytes;
  Encoder out(bytes);
  out.u8(report_version);
  out.text(encode(report.request));
  out.u64(report.as_of);
  write_counters(out, report.totals);
  out.u64(table.names().size());
  for (const std::string_view name : table.names()) out.text(name);
  out.u64(report.rows.size());
  out.raw(rows);
  return bytes;
}

Result<Report> decode_report(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != report_version) in.reject();
  Result<ReportRequest> request = decode_report_request(in.text());
  if (!request) return request.error();

  Report report;
  report.request = std::move(*request);
  report.as_of = in.u64();
  report.totals = read_counters(in);
  NameSets names(read_names(in), report);
  const std::uint64_t count = in.u64();
  // A row takes at least a byte per field: more rows than that cannot follow, whatever the bytes claim.
  const std::size_t row_bytes_min = 1 + report.request.group_by.size() + 5;
  if (count > in.rest().size() / row_bytes_min) in.reject();
  if (in.ok()) report.rows.reserve(static_cast<std::size_t>(count));
  UtcTime before;
  for (std::uint64_t left = count; left > 0 && in.ok(); --left) {
    report.rows.push_back(read_row(in, before, names));
    before = report.rows.back().period;
  }
  if (!in.done()) return fail(Errc::corrupt, "a report row cannot be read");
  return report;
}

}  // namespace tally
