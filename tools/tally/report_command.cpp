// `tally usage` and `tally report`: submit, wait, print.
#include <algorithm>

#include "tools/tally/commands.h"
#include "tools/tally/files.h"
#include "tools/tally/price_list.h"
#include "tools/tally/progress.h"
#include "tools/tally/report_flow.h"
#include "tools/tally/report_table.h"
#include "tools/tally/time_words.h"

namespace tally::tools {
namespace {

Outcome<UtcTime> time_of(const Session& session, const char* option, const std::string& text) {
  const auto time = time_in_words(text, session.clock.now());
  if (!time) return Failure{Exit::usage, std::string(option) + ": " + time.error().detail};
  return *time;
}

Outcome<TimeRange> range_of(const Session& session, const UsageQuery& query, const std::string& periods) {
  const UtcTime now = session.clock.now();
  // The server reports no period that has not begun, so what is running is asked for as far as it has come.
  const auto granularity = parse_granularity(periods);
  const UtcTime known_until = granularity ? next_after(*granularity, now) : now;
  if (query.from || query.to) {
    if (!query.from || query.month) return Failure{Exit::usage, "give --from and --to, or --month"};
    const auto from = time_of(session, "--from", *query.from);
    if (!from) return from.error();
    if (!query.to) return TimeRange{*from, known_until};
    const auto to = time_of(session, "--to", *query.to);
    if (!to) return to.error();
    return TimeRange{*from, *to};
  }
  const auto range = month_in_words(query.month.value_or("this month"), now);
  if (!range) return Failure{Exit::usage, "--month: " + range.error().detail};
  return TimeRange{range->from, std::min(range->to, std::max(range->from, known_until))};
}

Outcome<std::string> order_of(const Session& session, const ReportQuery& query) {
  const UsageQuery& asked = query.usage;
  const bool whole_month = query.type != "usage" && !asked.from && !asked.to;
  const std::string granularity = asked.granularity.value_or(whole_month ? "month" : "day");
  const auto range = range_of(session, asked, granularity);
  if (!range) return range.error();
  JsonObject order;
  order.text("type", query.type).text("from", range->from.to_string()).text("to", range->to.to_string());
  order.text("granularity", granularity);
  if (!asked.group_by.empty()) order.texts("group_by", asked.group_by);
  if (query.accounts == std::vector<std::string>{"*"})
    order.text("accounts", "*");
  else if (!query.accounts.empty())
    order.texts("accounts", query.accounts);
  if (query.prices) {
    const auto draft = read_price_list(*query.prices);
    if (!draft) return draft.error();
    order.raw("prices", prices_in(*draft).dump());
  }
  if (query.format != "json") order.text("format", query.format);
  return order.str();
}

// Of what is under way, while there is a terminal to see it.
class ProgressLine {
 public:
  explicit ProgressLine(Session& session) : session_(session), begun_ns_(session.clock.mono().ns) {}

  void show(std::int64_t done, std::int64_t total, const char* unit = "") {
    if (!session_.settings.progress) return;
    const double seconds = static_cast<double>(session_.clock.mono().ns - begun_ns_) / 1e9;
    session_.err << wipe_line << report_progress_text(done, total, seconds) << unit << std::flush;
  }
  void wipe() {
    if (session_.settings.progress) session_.err << wipe_line << std::flush;
  }

 private:
  Session& session_;
  std::int64_t begun_ns_;
};

std::string whose(const Json& result) {
  if (result["account"].exists()) return result["account"].text();
  const std::string count = result["totals"]["accounts"].text();
  return count + (count == "1" ? " account" : " accounts");
}

void show_result(Session& session, const Json& result) {
  session.out << printable(result["type"].text()) << " of " << printable(whose(result)) << " from "
              << printable(result["from"].text()) << " to " << printable(result["to"].text()) << "\n\n"
              << report_table(result).to_text(session.settings.color);
}

int save_result(Session& session, Api::Caller caller, const Json& completed, const std::string& file) {
  ByteSink sink = [&session](std::string_view bytes) -> Result<void> {
    session.out << bytes;
    return {};
  };
  if (file != "-") {
    auto created = create_file(file);
    if (!created) return report(session, {Exit::usage, file + ": " + created.error().detail});
    sink = std::move(*created);
  }
  ProgressLine line(session);
  const auto bytes = download_result(session, caller, completed, sink, [&](std::int64_t done, std::int64_t total) {
    line.show(done, total, " (bytes)");
  });
  line.wipe();
  if (!bytes) {
    Failure failure = bytes.error();
    if (file != "-") failure.text += "; " + file + " is not whole";
    return report(session, failure);
  }
  if (file != "-") session.err << "wrote " << *bytes << " bytes to " << printable(file) << "\n";
  return static_cast<int>(Exit::ok);
}

}  // namespace

int usage(Session& session, const UsageQuery& query) {
  ReportQuery whole;
  whole.usage = query;
  return make_and_show_report(session, whole);
}

int make_and_show_report(Session& session, const ReportQuery& query) {
  const auto order = order_of(session, query);
  if (!order) return report(session, order.error());
  const Api::Caller caller = query.accounts.empty() ? Api::Caller::customer : Api::Caller::operator_;
  ProgressLine line(session);
  Watch watch;
  if (session.settings.progress) {
    watch = [&line](const Json& job) {
      line.show(job["progress"]["done"].integer(), job["progress"]["total"].integer());
    };
  }
  const auto completed = make_report(session, caller, *order, query.usage.timeout_seconds, watch);
  line.wipe();
  if (!completed) return report(session, completed.error());
  if (!query.output.empty() || query.format != "json")
    return save_result(session, caller, *completed, query.output.empty() ? "-" : query.output);
  const auto result = result_of(session, caller, *completed);
  if (!result) return report(session, result.error());
  if (session.settings.json) {
    session.out << result->dump() << "\n";
  } else {
    show_result(session, *result);
  }
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools
