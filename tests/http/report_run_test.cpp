#include "http/report_run.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "http/body_stream.h"
#include "http/digest.h"
#include "tests/http/report_house.h"

namespace tally::http::report_run_test {

namespace {

constexpr int accounts = 1'500;  // whose statements fill several parts
const std::string all_statements =
    R"({"type":"statement","from":"2026-05-01","to":"2026-06-01","accounts":"*","format":"ndjson"})";

void fill(ReportHouse& house) {
  house.clock.set(UtcTime::parse("2026-05-10T12:00:00Z").value());
  for (int i = 0; i < accounts; ++i) {
    const std::string id = "account-" + std::to_string(10'000 + i);
    house.open_account(id, std::to_string(100 + i));
    std::string events = "[";
    for (int each = 0; each < 8; ++each) {
      events += (each ? "," : "") + std::string(R"({"id":")") + std::to_string(each) + R"(","account":")" + id +
                R"(","endpoint":"endpoint/with/a/name/)" + std::to_string(each) + R"(","credits":"1.5"})";
    }
    house.event(events + "]");
  }
}

std::size_t parts_in(const ReportHouse& house) {
  std::size_t count = 0;
  (void)house.store.scan_all(storage::Table::result_part, AccountId(), [&](auto, auto, auto) { return ++count, true; });
  return count;
}

std::string submit(ReportHouse& house) {
  const Response accepted = house.ask_operator("POST", "", all_statements);
  REQUIRE(accepted.status == 202);
  return at(accepted, "request_id");
}

// Ends the work with `error` once `saves` parts were saved.
class Interrupted final : public queue::JobContext {
 public:
  Interrupted(queue::JobContext& next, int saves, Errc error) : next_(next), saves_(saves), error_(error) {}
  void progress(std::uint64_t done, std::uint64_t total) override { next_.progress(done, total); }
  bool abandoned() const override { return next_.abandoned(); }
  Result<Progress> saved() override { return next_.saved(); }
  Result<void> save(queue::Jobs::Saved saved) override {
    if (saves_-- == 0) return fail(error_, "cut");
    return next_.save(std::move(saved));
  }

 private:
  queue::JobContext& next_;
  int saves_;
  Errc error_;
};

}  // namespace

TEST_CASE("report run: a large result lies in parts and is read back as one, wherever one begins") {
  ReportHouse house;
  fill(house);
  const Response told = house.operator_report(all_statements);
  REQUIRE(at(told, "status") == "completed");
  CHECK(parts_in(house) >= 3);
  CHECK(at(told, "summary.totals.accounts") == std::to_string(accounts));
  const std::string id = at(told, "request_id");
  const Response whole = house.operator_result(id);
  CHECK(std::to_string(whole.body.size()) == at(told, "summary.bytes"));
  CHECK(sha256_hex(whole.body) == at(told, "summary.digest"));
  SeededRandom random(3);
  for (int i = 0; i < 40; ++i) {
    const std::size_t from = random.below(whole.body.size());
    const std::size_t last = std::min(from + random.below(600'000), whole.body.size() - 1);
    const Response part =
        house.operator_result(id, {{"range", "bytes=" + std::to_string(from) + "-" + std::to_string(last)}});
    CHECK(part.status == 206);
    CHECK(part.body == whole.body.substr(from, last - from + 1));
  }
}

TEST_CASE("report run: a large body is made while it is sent, a few pieces ahead of the client and no more") {
  ReportHouse house;
  fill(house);
  const std::string id = at(house.operator_report(all_statements), "request_id");
  const std::string whole = house.operator_result(id).body;
  const Response answer = house.ask_operator("GET", "/" + id + "/result");
  REQUIRE(answer.stream);
  CHECK(answer.stream_bytes == whole.size());
  CHECK(answer.body.empty());
  std::string body;
  std::size_t pieces = 0;
  for (bool last = false; !last; ++pieces) {
    const BodyReader::Piece piece = answer.stream->take();
    CHECK(piece.bytes.size() <= 600'000);
    body += piece.bytes;
    last = piece.last;
  }
  CHECK(body == whole);
  CHECK(pieces > 3);
  const Response left = house.ask_operator("GET", "/" + id + "/result");
  CHECK(left.stream);  // dropped unread
}

TEST_CASE("report run: a body whose part is missing is cut, not ended") {
  ReportHouse house;
  fill(house);
  const std::string id = at(house.operator_report(all_statements), "request_id");
  storage::Batch batch(storage::system_account());
  batch.erase(storage::Table::result_part, id + std::string("\0\0\0\1", 4));
  REQUIRE(house.store.commit({&batch, 1}, storage::Durability::synced));
  const Response answer = house.ask_operator("GET", "/" + id + "/result");
  BodyReader::Piece piece;
  do {
    piece = answer.stream->take();
  } while (!piece.last && !piece.overrun);
  CHECK(piece.overrun);
}

TEST_CASE("report run: work that was cut goes on behind what was saved, to the same bytes") {
  ReportHouse house;
  fill(house);
  const std::string uncut = house.operator_result(at(house.operator_report(all_statements), "request_id")).body;
  int attempt = 0;
  std::vector<std::uint64_t> found;
  house.around = [&](const Job& job, queue::JobContext& context, const queue::Work& work) {
    found.push_back(context.saved().value().parts);
    Interrupted interrupted(context, attempt++ < 2 ? 1 : 1'000, Errc::conflict);
    return work(job, interrupted);
  };
  const std::string id = submit(house);
  for (int i = 0; i < 3; ++i) {
    house.work();
    house.clock.advance_ms(hour_ms);
    house.runner().tick();
  }
  house.work();
  CHECK(found == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(at(house.ask_operator("GET", "/" + id), "status") == "completed");
  CHECK(house.operator_result(id).body == uncut);
}

TEST_CASE("report run: a job that is cancelled stops between two accounts and leaves no parts") {
  ReportHouse house;
  fill(house);
  std::string id;
  house.around = [&](const Job& job, queue::JobContext& context, const queue::Work& work) {
    // Cancelled while the first part is on its way.
    house.jobs().cancel(job.account, job.id, nullptr);
    while (!context.abandoned()) std::this_thread::yield();
    auto result = work(job, context);
    CHECK(result.error().code == Errc::unavailable);
    return result;
  };
  id = submit(house);
  house.work();
  CHECK(at(house.ask_operator("GET", "/" + id), "status") == "cancelled");
  CHECK(parts_in(house) == 0);
}

TEST_CASE("report run: a result past its limit fails the job and leaves no parts") {
  ReportHouse house(ReportLimits{.result_bytes_max = 100, .operator_result_bytes_max = 600'000});
  fill(house);
  const Response told = house.operator_report(all_statements);
  CHECK(at(told, "status") == "failed");
  CHECK(at(told, "error.code") == "result_too_large");
  CHECK(parts_in(house) == 0);
  const Response own = house.report("account-10001", R"({"type":"ledger","from":"2026-05-01","to":"2026-06-01"})");
  CHECK(at(own, "error.code") == "result_too_large");
}

TEST_CASE("report run: a report that is dropped takes its parts along") {
  ReportHouse house;
  fill(house);
  const std::string id = at(house.operator_report(all_statements), "request_id");
  REQUIRE(parts_in(house) > 0);
  house.clock.advance_ms(8 * day_ms);
  REQUIRE(house.jobs().drop_old(house.clock.now() - 7 * day_ms, 10).value() == 1);
  house.settle();
  CHECK(parts_in(house) == 0);
  CHECK(house.operator_result(id).status == 410);
}

TEST_CASE("report run: a long ledger is saved in parts, too") {
  ReportHouse house;
  house.clock.set(UtcTime::parse("2026-05-10T12:00:00Z").value());
  house.open_account("acme", "1");
  for (int i = 0; i < 12; ++i) {
    std::string events = "[";
    for (int each = 0; each < 100; ++each) {
      events += (each ? "," : "") + std::string(R"({"id":")") + std::to_string(i * 100 + each) +
                R"(","account":"acme","endpoint":"search","credits":"1"})";
    }
    house.event(events + "]");
  }
  const Response told =
      house.report("acme", R"({"type":"ledger","from":"2026-05-01","to":"2026-06-01","format":"ndjson"})");
  CHECK(parts_in(house) >= 1);
  CHECK(at(told, "summary.totals.entries") == "1201");
  CHECK(at(told, "summary.totals.closing") == "-1199");
  const std::string body = house.result("acme", at(told, "request_id")).body;
  CHECK(std::count(body.begin(), body.end(), '\n') == 1201);
}

TEST_CASE("report run: an equal order over equal data takes over the result before, and over other data does not") {
  ReportHouse house;
  house.clock.set(UtcTime::parse("2026-05-10T12:00:00Z").value());
  house.open_account("acme", "10");
  house.event(R"({"id":"1","account":"acme","endpoint":"search","credits":"1"})");
  const std::string order = R"({"type":"statement","from":"2026-05-01","to":"2026-06-01"})";
  const auto consumed = [&] { return at(house.report("acme", order), "result.rows.0.consumed"); };
  CHECK(consumed() == "1");
  CHECK(consumed() == "1");
  house.event(R"({"id":"2","account":"acme","endpoint":"search","credits":"1"})");
  CHECK(consumed() == "2");
  REQUIRE(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"5"})").status == 201);
  CHECK(at(house.report("acme", order), "result.rows.0.granted") == "15");
  house.event(R"({"id":"3","account":"acme","endpoint":"free"})");
  CHECK(at(house.report("acme", order), "result.rows.0.by_endpoint.0.endpoint") == "free");
}

TEST_CASE("report reuse: a result is found by its account, order and version, and the oldest go first") {
  ReportReuse reuse(100);
  const AccountId acme("acme");
  reuse.keep(acme, "order", {1, 2, 3}, "result");
  CHECK(reuse.find(acme, "order", {1, 2, 3}) == "result");
  CHECK_FALSE(reuse.find(AccountId("bolt"), "order", {1, 2, 3}));
  CHECK_FALSE(reuse.find(acme, "other", {1, 2, 3}));
  CHECK_FALSE(reuse.find(acme, "order", {1, 2, 4}));
  CHECK_FALSE(reuse.find(acme, "order", {1, 2, 3}));  // what was out of date is not kept
  reuse.keep(acme, "a", {}, std::string(60, 'a'));
  reuse.keep(acme, "b", {}, std::string(60, 'b'));
  CHECK_FALSE(reuse.find(acme, "a", {}));
  CHECK(reuse.find(acme, "b", {}) == std::string(60, 'b'));
}

}  // namespace tally::http::report_run_test
