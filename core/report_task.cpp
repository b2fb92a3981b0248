#include "core/report_task.h"

#include <algorithm>

#include "core/row.h"

namespace tally {
namespace {

// A bare ReportRequest begins with 1.
constexpr std::uint8_t task_version = 2;

}  // namespace

std::string_view to_string(ReportFormat format) noexcept {
  switch (format) {
    case ReportFormat::json:
      return "json";
    case ReportFormat::ndjson:
      return "ndjson";
    case ReportFormat::csv:
      return "csv";
    case ReportFormat::xml:
      return "xml";
  }
  return "unknown";
}

Result<ReportFormat> parse_report_format(std::string_view word) {
  for (const auto format : {ReportFormat::json, ReportFormat::ndjson, ReportFormat::csv, ReportFormat::xml}) {
    if (word == to_string(format)) return format;
  }
  return fail(Errc::invalid_argument, "format is json, ndjson, csv or xml", "invalid_format");
}

Result<void> validate(const ReportTask& task, UtcTime now) {
  if (auto valid = validate(task.request, now); !valid) return valid;
  if (task.request.type == ReportType::what_if && task.draft.empty())
    return fail(Errc::invalid_argument, "a what_if report needs prices", "missing_prices");
  if (task.request.type != ReportType::what_if && !task.draft.empty())
    return fail(Errc::invalid_argument, "only a what_if report has prices", "invalid_prices");
  return {};
}

std::string encode(const ReportTask& task) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(task_version);
  out.text(encode(task.request));
  write_enum(out, task.format);
  out.u64(task.accounts.size());
  for (const AccountId& account : task.accounts) out.text(account.str());
  out.u64(task.draft.size());
  for (const auto& [endpoint, price] : task.draft) {
    out.text(endpoint);
    write_credits(out, price.credits);
    write_enum(out, price.charge_on);
  }
  return bytes;
}

Result<ReportTask> decode_report_task(std::string_view bytes) {
  ReportTask task;
  if (bytes.empty() || static_cast<std::uint8_t>(bytes.front()) != task_version) {
    auto bare = decode_report_request(bytes);
    if (!bare) return bare.error();
    task.request = std::move(*bare);
    return task;
  }
  Decoder in(bytes.substr(1));
  auto request = decode_report_request(in.text());
  if (!request) return request.error();
  task.request = std::move(*request);
  task.format = read_enum(in, ReportFormat::xml);
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) task.accounts.emplace_back(read_string(in));
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    std::string endpoint = read_string(in);
    DraftPrice price;
    price.credits = read_credits(in);
    price.charge_on = read_enum(in, ChargeOn::request);
    task.draft.emplace(std::move(endpoint), price);
  }
  if (!in.done()) return fail(Errc::corrupt, "a report task cannot be read");
  return task;
}

}  // namespace tally
