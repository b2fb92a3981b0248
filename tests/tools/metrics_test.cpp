#include "tools/tallyd/metrics.h"

#include <doctest/doctest.h>

#include <string>

#include "core/manual.h"
#include "http/router.h"
#include "storage/memory/memory_store.h"

namespace metrics_test {

using namespace tally;

namespace {

const AccountId acme("acme");

Credits whole(std::int64_t credits) {
  return Credits::from_micros(credits * 1'000'000);
}

Grant grant_of(Credits amount) {
  Grant grant;
  grant.amount = amount;
  return grant;
}
Debit debit_of(Credits amount) {
  Debit debit;
  debit.amount = amount;
  return debit;
}
HoldRequest hold_of(Credits credits) {
  HoldRequest request;
  request.credits = credits;
  return request;
}

// The rooms that have figures, over a memory store, driven by hand.
struct House {
  storage::MemoryStore store;
  ManualClock clock{*UtcTime::parse("2026-05-10T12:30:00Z")};
  SeededRandom random{3};
  storage::AccountWriter writer{store, {.shards = 1, .waiting_max = 1'000, .threads = false}, [](const Error&) {}};
  storage::Ledgers ledgers{store, writer, clock, [](const AccountId&) { return nullptr; }};
  storage::Meter meter{store, writer, clock, ledgers, [] { return std::make_shared<const PriceBook>(); }, {}};
  queue::Scheduler scheduler{{}};
  queue::Jobs jobs{store, writer, scheduler, clock, random, {}, {}};
  http::RequestStats requests{{{"GET", "/v1/reports"}, {"POST", "/usage"}}};
  UtcTime started_at = clock.now();

  ~House() { writer.stop(); }
  void change(const storage::Ledgers::Work& work) {
    ledgers.post(acme, work, [](const Result<void>& done) { REQUIRE(done.has_value()); });
    while (writer.step()) {
    }
  }
  std::string text() {
    return tools::metrics_text(
        {requests, {}, scheduler, jobs, writer, ledgers, meter, store, {7, 4, 3, 1, 0, 2}, started_at, clock.now()});
  }
  bool says(const std::string& line) { return text().find("\n" + line + "\n") != std::string::npos; }
};

}  // namespace

TEST_CASE("metrics: a histogram counts a value under the first bound that is not below it") {
  static constexpr std::int64_t bounds[] = {10, 20};
  Histogram histogram(bounds);
  for (const std::int64_t value : {1, 10, 11, 20, 21, 1'000}) histogram.observe(value);
  const auto snapshot = histogram.snapshot();
  CHECK(snapshot.counts == std::vector<std::uint64_t>{2, 2, 2});
  CHECK(snapshot.count == 6);
  CHECK(snapshot.sum == 1'063);
}

TEST_CASE("metrics: an answer carries the number of the route that gave it, and none when no route did") {
  http::Router router([](int status, std::string_view, const http::Request&) {
    http::Response response;
    response.status = status;
    return response;
  });
  const auto handler = [](http::Request&&, const http::Reply& reply) { reply({}); };
  router.add("GET", "/b/{id}", handler);
  router.add("POST", "/a", handler);
  router.add("GET", "/dropped", [](http::Request&&, const http::Reply&) {});
  CHECK(router.patterns() ==
        std::vector<std::pair<std::string, std::string>>{{"GET", "/b/{id}"}, {"POST", "/a"}, {"GET", "/dropped"}});
  const auto route_of = [&](const char* method, const char* target) {
    http::Request request;
    request.method = method;
    request.target = request.path = target;
    std::uint32_t route = 99;
    router.route(std::move(request), http::Reply([&](http::Response&& response) { route = response.route; }));
    return route;
  };
  CHECK(route_of("GET", "/b/1") == 1);
  CHECK(route_of("HEAD", "/b/1") == 1);
  CHECK(route_of("POST", "/a") == 2);
  CHECK(route_of("GET", "/dropped") == 3);
  CHECK(route_of("GET", "/a") == 0);
  CHECK(route_of("GET", "/elsewhere") == 0);
}

TEST_CASE("metrics: answers are counted by route and class of status, those of no route together") {
  House house;
  house.requests.count(1, 200, 2'000'000);
  house.requests.count(1, 304, 1'000);
  house.requests.count(1, 206, 40'000'000);
  house.requests.count(0, 404, 0);
  house.requests.count(77, 503, 0);
  CHECK(house.says(R"(tally_http_requests_total{method="GET",route="/v1/reports",status="2xx"} 2)"));
  CHECK(house.says(R"(tally_http_requests_total{method="GET",route="/v1/reports",status="3xx"} 1)"));
  CHECK(house.says(R"(tally_http_requests_total{method="",route="none",status="4xx"} 1)"));
  CHECK(house.says(R"(tally_http_requests_total{method="",route="none",status="5xx"} 1)"));
  CHECK(house.says(R"(tally_http_request_duration_seconds_bucket{method="GET",route="/v1/reports",le="0.005"} 2)"));
  CHECK(house.says(R"(tally_http_request_duration_seconds_bucket{method="GET",route="/v1/reports",le="+Inf"} 3)"));
  CHECK(house.says(R"(tally_http_request_duration_seconds_count{method="GET",route="/v1/reports"} 3)"));
  CHECK(house.text().find("/usage") == std::string::npos);
}

TEST_CASE("metrics: credits are summed by kind and holds counted by how they end, over all accounts") {
  House house;
  REQUIRE(house.ledgers.recover().has_value());
  house.change([](Ledger& ledger) { REQUIRE(ledger.grant(grant_of(whole(100))).has_value()); });
  house.change([](Ledger& ledger) { REQUIRE(ledger.debit(debit_of(Credits::from_micros(1'500'000))).has_value()); });
  house.change([](Ledger& ledger) { REQUIRE(ledger.adjust(whole(-2), "", "").has_value()); });
  for (int i = 0; i < 4; ++i) house.change([](Ledger& ledger) { REQUIRE(ledger.hold(hold_of(whole(1))).has_value()); });
  house.change([](Ledger& ledger) { REQUIRE(ledger.release(1).has_value()); });
  house.change([](Ledger& ledger) { REQUIRE(ledger.settle(2, debit_of(whole(1))).has_value()); });
  CHECK(house.says("tally_holds_open 2"));
  house.clock.advance_ms(2 * minute_ms);
  house.change([](Ledger&) {});
  CHECK(house.says(R"(tally_credits_total{kind="granted"} 100)"));
  CHECK(house.says(R"(tally_credits_total{kind="debited"} 2.5)"));
  CHECK(house.says(R"(tally_credits_total{kind="adjusted_down"} 2)"));
  CHECK(house.says(R"(tally_credits_total{kind="adjusted_up"} 0)"));
  CHECK(house.says(R"(tally_ledger_entries_total{kind="debited"} 2)"));
  CHECK(house.says("tally_holds_open 0"));
  CHECK(house.says(R"(tally_holds_total{outcome="opened"} 4)"));
  CHECK(house.says(R"(tally_holds_total{outcome="settled"} 1)"));
  CHECK(house.says(R"(tally_holds_total{outcome="released"} 1)"));
  CHECK(house.says(R"(tally_holds_total{outcome="expired"} 2)"));
}

TEST_CASE("metrics: holds that were open before a restart are open after it, whether or not their rows were written") {
  for (const bool written : {false, true}) {
    CAPTURE(written);
    House house;
    REQUIRE(house.ledgers.recover().has_value());
    for (int i = 0; i < 3; ++i)
      house.change([](Ledger& ledger) { REQUIRE(ledger.hold(hold_of(Credits())).has_value()); });
    if (written) house.ledgers.flush_all();
    house.change([](Ledger& ledger) { REQUIRE(ledger.release(2).has_value()); });
    storage::Ledgers again{house.store, house.writer, house.clock, [](const AccountId&) { return nullptr; }};
    REQUIRE(again.recover().has_value());
    CHECK(again.stats().open_holds() == 2);
    CHECK(again.stats().holds(HoldStatus::open) == 0);
  }
}

TEST_CASE("metrics: the queue's depth and its oldest job, and how long jobs took") {
  House house;
  const auto submit = [&](const char* account) {
    Job job;
    job.account = AccountId(account);
    RequestId id;
    house.jobs.submit(std::move(job), [&](const Result<Job>& stored) { id = stored->id; });
    while (house.writer.step()) {
    }
    return id;
  };
  CHECK(house.says("tally_queue_oldest_job_age_seconds 0"));
  const RequestId first = submit("acme");
  house.clock.advance_ms(40 * second_ms);
  submit("other");
  CHECK(house.says(R"(tally_queue_jobs{state="ready"} 2)"));
  CHECK(house.says("tally_queue_oldest_job_age_seconds 40"));

  const auto taken = house.scheduler.take(house.clock.now() + 30'000);
  REQUIRE(taken);
  REQUIRE(taken->id == first);
  Job claimed;
  house.jobs.claim(*taken, [&](const Result<Job>& job) { claimed = job.value(); });
  house.writer.step();
  CHECK(house.says(R"(tally_queue_jobs{state="running"} 1)"));
  CHECK(house.says("tally_queue_oldest_job_age_seconds 0"));
  house.clock.advance_ms(2 * second_ms);
  house.jobs.complete(claimed, "result", nullptr);
  while (house.writer.step()) {
  }
  house.scheduler.release(*taken);
  CHECK(house.says(R"(tally_jobs_total{outcome="completed"} 1)"));
  CHECK(house.says("tally_job_duration_seconds_sum 42"));
  CHECK(house.says("tally_job_wait_seconds_sum 40"));
  CHECK(house.says("tally_job_duration_seconds_count 1"));
}

TEST_CASE("metrics: a commit's commands are its batch size, and deliveries have their outcomes") {
  House house;
  REQUIRE(house.ledgers.recover().has_value());
  for (const char* account : {"a", "b", "c"}) {
    house.ledgers.post(
        AccountId(account), [](Ledger& ledger) { REQUIRE(ledger.grant(grant_of(whole(1))).has_value()); }, nullptr);
  }
  while (house.writer.step()) {
  }
  CHECK(house.says("tally_commits_total 1"));
  CHECK(house.says("tally_commit_batch_commands_sum 3"));
  CHECK(house.says(R"(tally_commit_batch_commands_bucket{le="2"} 0)"));
  CHECK(house.says(R"(tally_commit_batch_commands_bucket{le="5"} 1)"));
  CHECK(house.says(R"(tally_delivery_attempts_total{outcome="failed"} 3)"));
  CHECK(house.says(R"(tally_deliveries_total{outcome="delivered"} 4)"));
  CHECK(house.says(R"(tally_deliveries_total{outcome="dead"} 1)"));
  CHECK(house.says("tally_deliveries_pending 2"));
}

}  // namespace metrics_test
