#include "core/report_task.h"

#include <doctest/doctest.h>

#include "core/report_progress.h"
#include "core/stored_result.h"

namespace report_task_test {

using namespace tally;

namespace {

ReportTask what_if_task() {
  ReportTask task;
  task.request.type = ReportType::what_if;
  task.request.granularity = Granularity::month;
  task.request.range = {UtcTime::parse("2026-04-01").value(), UtcTime::parse("2026-05-01").value()};
  task.format = ReportFormat::csv;
  task.accounts = {AccountId("acme"), AccountId("bolt")};
  task.draft = {{"search", {Credits::from_micros(5), ChargeOn::success}}};
  return task;
}

const UtcTime now = UtcTime::parse("2026-05-02T00:00:00Z").value();

}  // namespace

TEST_CASE("report task: its bytes say it again, and a cut or longer row is no task") {
  const std::string bytes = encode(what_if_task());
  const ReportTask read = decode_report_task(bytes).value();
  CHECK(encode(read) == bytes);
  CHECK(read.accounts == what_if_task().accounts);
  CHECK(read.draft.at("search").charge_on == ChargeOn::success);
  CHECK(decode_report_task(bytes + "x").error().code == Errc::corrupt);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(decode_report_task(bytes.substr(0, cut)));
}

TEST_CASE("report task: a job from before there were formats asks for JSON of its own account") {
  const ReportTask read = decode_report_task(encode(what_if_task().request)).value();
  CHECK(read.format == ReportFormat::json);
  CHECK(read.accounts.empty());
  CHECK(read.request.range == what_if_task().request.range);
}

TEST_CASE("report task: a draft belongs to a what_if report alone, and groups to usage alone") {
  ReportTask task = what_if_task();
  CHECK(validate(task, now));
  task.draft.clear();
  CHECK(validate(task, now).error().rule == "missing_prices");
  task = what_if_task();
  task.request.type = ReportType::statement;
  CHECK(validate(task, now).error().rule == "invalid_prices");
  task.draft.clear();
  CHECK(validate(task, now));
  task.request.group_by = {GroupBy::key};
  CHECK(validate(task, now).error().rule == "invalid_group_by");
}

TEST_CASE("report task: each format has a word of its own") {
  for (const char* word : {"json", "ndjson", "csv", "xml"}) CHECK(to_string(parse_report_format(word).value()) == word);
  CHECK(parse_report_format("pdf").error().rule == "invalid_format");
}

TEST_CASE("report progress: its bytes say it again") {
  ReportProgress progress;
  progress.as_of = 9;
  progress.price_version = 3;
  progress.done = AccountId("acme");
  progress.entry = 17;
  progress.totals.accounts = 4;
  progress.totals.usage = {1, 2, 3, 4, -5};
  progress.totals.figures.debt = Credits::from_micros(8);
  progress.totals.difference = Credits::from_micros(-6);
  progress.totals.accounts_less = 2;
  const std::string bytes = encode(progress);
  CHECK(encode(decode_report_progress(bytes).value()) == bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(decode_report_progress(bytes.substr(0, cut)));
}

TEST_CASE("stored result: its bytes say it again, and are told from an old report's") {
  StoredResult result;
  result.format = ReportFormat::xml;
  result.head = "<a>";
  result.parts = 2;
  result.part_bytes = 100;
  result.rows = "rest";
  result.tail = "</a>";
  result.etag = "0f";
  result.summary = "{}";
  const std::string bytes = encode(result);
  CHECK(is_stored_result(bytes));
  CHECK_FALSE(is_stored_result(encode(Report{})));
  const StoredResult read = decode_stored_result(bytes).value();
  CHECK(encode(read) == bytes);
  CHECK(read.bytes() == 3 + 100 + 4 + 4);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(decode_stored_result(bytes.substr(0, cut)));
}

}  // namespace report_task_test
