// `tally usage` and `tally report`: submit, wait, print.
#include <algorithm>

#include "tools/tally/commands.h"
#include "tools/tally/files.h"
#include "tools/tally/progress.h"
#include "tools/tally/report_flow.h"
#include "tools/tally/time_words.h"
#include "tools/tally/usage_report.h"

namespace tally::tools {
namespace {

Outcome<UtcTime> time_of(const Session& session, const char* option, const std::string& text) {
  const auto time = time_in_words(text, session.clock.now());
  if (!time) return Failure{Exit::usage, std::string(option) + ": " + time.error().detail};
  return *time;
}

Outcome<TimeRange> range_of(const Session& session, const UsageQuery& query) {
  const UtcTime now = session.clock.now();
  // The server reports no period that has not begun, so what is running is asked for as far as it has come.
  const auto granularity = parse_granularity(query.granularity);
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

Outcome<std::string> order_of(const Session& session, const UsageQuery& query, const std::string& type,
                              const std::string& format) {
  const auto range = range_of(session, query);
  if (!range) return range.error();
  JsonObject order;
  order.text("type", type).text("from", range->from.to_string()).text("to", range->to.to_string());
  order.text("granularity", query.granularity);
  if (!query.group_by.empty()) order.texts("group_by", query.group_by);
  if (format != "json") order.text("format", format);
  return order.str();
}

void show_result(Session& session, const Json& result) {
  session.out << printable(result["type"].text()) << " of " << printable(result["account"].text()) << " from "
              << printable(result["from"].text()) << " to " << printable(result["to"].text()) << "\n\n";
  if (result["type"].text() == "usage") {
    session.out << usage_table(result).to_text(session.settings.color);
  } else {
    session.out << printable(result.dump_pretty(), true) << "\n";
  }
}

int save_result(Session& session, const Json& completed, const std::string& file) {
  const auto bytes = download_result(session, completed);
  if (!bytes) return report(session, bytes.error());
  if (file == "-") {
    session.out << bytes->body;
    return static_cast<int>(Exit::ok);
  }
  if (auto written = write_file(file, bytes->body); !written)
    return report(session, {Exit::usage, file + ": " + written.error().detail});
  session.err << "wrote " << bytes->body.size() << " bytes to " << printable(file) << "\n";
  return static_cast<int>(Exit::ok);
}

}  // namespace

int usage(Session& session, const UsageQuery& query) {
  ReportQuery whole;
  whole.usage = query;
  return make_and_show_report(session, whole);
}

int make_and_show_report(Session& session, const ReportQuery& query) {
  const auto order = order_of(session, query.usage, query.type, query.format);
  if (!order) return report(session, order.error());
  const std::int64_t begun = session.clock.mono().ns;
  Watch watch;
  if (session.settings.progress) {
    watch = [&session, begun](const Json& job) {
      const Json progress = job["progress"];
      const double seconds = static_cast<double>(session.clock.mono().ns - begun) / 1e9;
      session.err << wipe_line << report_progress_text(progress["done"].integer(), progress["total"].integer(), seconds)
                  << std::flush;
    };
  }
  const auto completed = make_report(session, *order, query.usage.timeout_seconds, watch);
  if (watch) session.err << wipe_line << std::flush;
  if (!completed) return report(session, completed.error());
  if (!query.output.empty() || query.format != "json")
    return save_result(session, *completed, query.output.empty() ? "-" : query.output);
  const auto result = result_of(session, *completed);
  if (!result) return report(session, result.error());
  if (session.settings.json) {
    session.out << result->dump() << "\n";
  } else {
    show_result(session, *result);
  }
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools
