#include "storage/meter.h"

#include <doctest/doctest.h>

#include <map>

#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"
#include "tests/sim/faulty_store.h"

namespace meter_test {

using namespace tally;
using namespace tally::storage;

namespace {

const AccountId acme("acme");
const UtcTime may = *UtcTime::parse("2026-05-10T12:30:00Z");

// A meter over a memory store, driven by hand; `restart` forgets everything but the store.
struct House {
  MemoryStore store;
  ManualClock clock{may + hour_ms};
  SeededRandom random{7};
  std::shared_ptr<PriceBook> prices = std::make_shared<PriceBook>();
  WriteBehindOptions options{};
  std::unique_ptr<Ledgers> ledgers;
  std::unique_ptr<Meter> meter;
  std::unique_ptr<AccountWriter> writer;  // goes first: it finishes what is posted

  House() { start(); }
  void start() {
    writer = std::make_unique<AccountWriter>(
        store, WriterOptions{.shards = 1, .waiting_max = 100'000, .threads = false}, [](const Error&) {});
    ledgers = std::make_unique<Ledgers>(store, *writer, clock, [](const AccountId&) { return nullptr; });
    REQUIRE(ledgers->recover().has_value());
    meter = std::make_unique<Meter>(
        store, *writer, clock, *ledgers, [this] { return prices; }, options);
    const auto recovered = meter->recover(random);
    REQUIRE(recovered.has_value());
  }
  // The process dies: what was posted and not committed is gone.
  void restart() {
    auto old_writer = std::move(writer);
    auto old_meter = std::move(meter);
    auto old_ledgers = std::move(ledgers);
    start();
    abandoned.push_back({std::move(old_ledgers), std::move(old_meter), std::move(old_writer)});
  }
  struct Abandoned {
    std::unique_ptr<Ledgers> ledgers;
    std::unique_ptr<Meter> meter;
    std::unique_ptr<AccountWriter> writer;
  };
  std::vector<Abandoned> abandoned;

  void settle() {
    while (writer->step()) {
    }
  }
  Ingested ingest(std::vector<UsageEvent> events) {
    Ingested ingested;
    meter->ingest(acme, std::move(events), [&](Result<Ingested> result) { ingested = *result; });
    settle();
    return ingested;
  }
  void flush() {
    meter->flush_all();
    settle();
  }
  Report report(Granularity granularity = Granularity::month, std::vector<GroupBy> groups = {GroupBy::endpoint}) {
    ReportRequest request;
    request.range = {*UtcTime::parse("2026-05-01"), *UtcTime::parse("2026-06-01")};
    request.granularity = granularity;
    request.group_by = std::move(groups);
    return *meter->report(acme, request);
  }
};

UsageEvent event(std::string id, std::string endpoint = "search", UtcTime time = may) {
  UsageEvent e;
  e.id = std::move(id);
  e.source = "gw";
  e.account = acme;
  e.endpoint = std::move(endpoint);
  e.time = time;
  return e;
}

void price(PriceBook& book, std::string endpoint, std::int64_t micros, std::string category) {
  Price p;
  p.endpoint = std::move(endpoint);
  p.version = 1;
  p.credits = Credits::from_micros(micros);
  p.category = std::move(category);
  book.insert(std::move(p));
}

}  // namespace

TEST_CASE("meter: an acknowledged event is in the report before anything was written behind") {
  House house;
  const Ingested ingested = house.ingest({event("1"), event("2", "enrich")});
  CHECK(ingested.accepted == 2);
  const Report report = house.report();
  CHECK(report.totals.requests == 2);
  CHECK(report.rows.size() == 2);
  CHECK(report.as_of > 0);
}

TEST_CASE("meter: an event that is on its way to the disk is not in the report yet") {
  House house;
  bool done = false;
  house.meter->ingest(acme, {event("1")}, [&](const Result<Ingested>&) { done = true; });
  CHECK_FALSE(done);
  CHECK(house.report().totals.requests == 0);
  house.settle();
  CHECK(done);
  CHECK(house.report().totals.requests == 1);
}

TEST_CASE(
    "meter: the same source and id count once, whether in one batch, in memory, in the store or after a restart") {
  House house;
  Ingested ingested = house.ingest({event("1"), event("1")});
  CHECK(ingested.accepted == 1);
  CHECK(ingested.duplicates == 1);
  CHECK(house.ingest({event("1")}).duplicates == 1);
  house.restart();
  CHECK(house.ingest({event("1")}).duplicates == 1);
  house.flush();
  CHECK(house.meter->unflushed_events() == 0);
  CHECK(house.ingest({event("1")}).duplicates == 1);
  house.restart();
  CHECK(house.ingest({event("1")}).duplicates == 1);
  CHECK(house.report().totals.requests == 1);

  UsageEvent other_source = event("1");
  other_source.source = "gw2";
  CHECK(house.ingest({other_source}).accepted == 1);
}

TEST_CASE("meter: a restart at any point between journal and rollups changes no figure") {
  House house;
  house.ingest({event("1"), event("2")});
  house.restart();  // nothing flushed
  CHECK(house.report().totals.requests == 2);
  house.flush();
  house.restart();  // all flushed, the checkpoint not yet moved
  CHECK(house.report().totals.requests == 2);
  house.ingest({event("3")});
  house.clock.advance_ms(10 * second_ms);
  house.meter->tick();  // posts a flush that dies with the process
  house.restart();
  CHECK(house.report().totals.requests == 3);
  house.clock.advance_ms(10 * second_ms);
  house.meter->tick();
  house.settle();
  house.clock.advance_ms(10 * second_ms);
  house.meter->tick();
  house.settle();  // the checkpoint has moved
  house.restart();
  CHECK(house.meter->unflushed_events() == 0);
  CHECK(house.report().totals.requests == 3);
  CHECK(house.report(Granularity::hour).rows.front().period == *UtcTime::parse("2026-05-10T12:00:00Z"));
}

TEST_CASE("meter: while a write-behind is under way a report counts every event once") {
  House house;
  house.ingest({event("1"), event("2")});
  house.meter->flush_all();
  CHECK(house.report().totals.requests == 2);  // posted
  house.ingest({event("3")});                  // commits the write-behind as well
  CHECK(house.report().totals.requests == 3);
  house.flush();
  CHECK(house.report().totals.requests == 3);
}

TEST_CASE("meter: events are charged by the price in force at their time, and grouped by its category") {
  House house;
  price(*house.prices, "search", 1'500'000, "lookup");
  UsageEvent two = event("1");
  two.results = 2;
  UsageEvent none = event("2");
  none.results = 0;
  const Ingested ingested = house.ingest({two, none, event("3", "unpriced")});
  CHECK(ingested.credits.micros() == 3'000'000);
  const Report report = house.report(Granularity::month, {GroupBy::category});
  REQUIRE(report.rows.size() == 2);
  CHECK(report.names_of(report.rows[1]).front() == "lookup");
  CHECK(report.rows[1].counters.credits_micros == 3'000'000);
  CHECK(report.rows[1].counters.results == 2);
}

TEST_CASE("meter: a charge beyond the range is refused by its place and the others count") {
  House house;
  price(*house.prices, "search", 9'000'000'000'000'000'000, "");
  UsageEvent huge = event("1");
  huge.results = 1'000;
  const Ingested ingested = house.ingest({event("0", "free"), huge, event("2", "free")});
  CHECK(ingested.accepted == 2);
  REQUIRE(ingested.rejected.size() == 1);
  CHECK(ingested.rejected[0].first == 1);
  CHECK(house.report().totals.requests == 2);
  CHECK(house.ingest({huge}).duplicates == 0);  // it was not counted, so it is not known
}

TEST_CASE("meter: an account past its share is written behind without waiting for the tick") {
  House house;
  house.options.unwritten_per_account_max = 10;
  house.restart();
  for (int i = 0; i < 40; ++i) house.ingest({event(std::to_string(i))});
  CHECK(house.meter->unflushed_events() <= 11);
  CHECK(house.report().totals.requests == 40);
}

TEST_CASE("meter: while the writer takes nothing more, a tick ends and the figures stay") {
  House house;
  house.ingest({event("1")});
  house.clock.advance_ms(5'000);
  house.writer->stop();
  house.meter->tick();
  house.meter->flush_all();
  CHECK(house.meter->unflushed_events() == 1);
  CHECK(house.report().totals.requests == 1);
}

TEST_CASE("meter: an event whose first batch is refused is no duplicate in the next one") {
  House house;
  SeededRandom random(1);
  sim::FaultyStore store(random, {});
  AccountWriter writer(store, {.shards = 1, .waiting_max = 100, .threads = false}, [](const Error&) {});
  Ledgers ledgers(store, writer, house.clock, [](const AccountId&) { return nullptr; });
  Meter meter(store, writer, house.clock, ledgers, [&] { return house.prices; }, {});
  REQUIRE(meter.recover(random).has_value());
  std::vector<Result<Ingested>> answers;
  const auto send = [&](std::vector<UsageEvent> events) {
    meter.ingest(acme, std::move(events), [&](Result<Ingested> answer) { answers.push_back(std::move(answer)); });
  };
  send({event("stored")});
  writer.step();
  store.set_writable(false);
  send({event("1")});
  send({event("1")});
  send({event("stored")});
  while (writer.step()) {
  }
  REQUIRE(answers.size() == 4);
  CHECK(answers[1].error().code == Errc::exhausted);
  CHECK(answers[2].error().code == Errc::exhausted);
  CHECK(answers[3]->duplicates == 1);
  store.set_writable(true);
  send({event("1")});
  writer.step();
  CHECK(answers[4]->accepted == 1);
}

TEST_CASE(
    "meter: match rates of events' details are summed by day and month, written or not, and taken back with them") {
  House house;
  const auto rated = [](std::string id, std::string details, UtcTime time = may) {
    UsageEvent one = event(std::move(id), "match", time);
    one.details = std::move(details);
    return one;
  };
  house.ingest({rated("1", R"({"matchRate":70})"), rated("2", R"({"matchRate":80.5})", may + day_ms),
                rated("3", R"({"matchRate":"no"})"), event("4", "match")});
  const auto month = [&] { return house.report().rows.front(); };
  CHECK(month().counters.requests == 4);
  CHECK(month().match_rates == MatchRates{2, 150'500'000});
  house.flush();
  CHECK(month().match_rates == MatchRates{2, 150'500'000});
  house.ingest({rated("5", R"({"a":1,"matchRate":1.25})")});
  house.restart();
  CHECK(month().match_rates == MatchRates{3, 151'750'000});
  const Report days = house.report(Granularity::day);
  REQUIRE(days.rows.size() == 2);
  CHECK(days.rows[0].match_rates == MatchRates{2, 71'250'000});
  CHECK(days.rows[1].match_rates == MatchRates{1, 80'500'000});

  house.meter->reverse(acme, "gw", "2", "a wrong answer", [](const Result<ReversedEvent>& r) { CHECK(r.has_value()); });
  house.settle();
  CHECK(month().counters.requests == 4);
  CHECK(month().match_rates == MatchRates{2, 71'250'000});
  house.restart();
  house.flush();
  CHECK(month().match_rates == MatchRates{2, 71'250'000});
}

TEST_CASE("meter: random events, restarts and write-behinds always agree with a plain count") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    House house;
    SeededRandom dice(seed);
    std::map<std::pair<std::string, std::string>, std::int64_t> hours;  // hour, endpoint -> events
    std::map<std::string, bool> ids;
    for (int step = 0; step < 60; ++step) {
      switch (dice.below(6)) {
        case 0:
          house.restart();
          break;
        case 1:
          house.meter->flush_all();
          if (dice.below(2)) house.settle();
          break;
        case 2:
          house.clock.advance_ms(static_cast<std::int64_t>(dice.below(5'000)));
          house.meter->tick();
          break;
        default: {
          const std::string id = std::to_string(dice.below(60));
          const std::string endpoint = "e" + std::to_string(dice.below(3));
          const UtcTime time = may - static_cast<std::int64_t>(dice.below(9 * 24)) * hour_ms;
          const Ingested ingested = house.ingest({event(id, endpoint, time)});
          CHECK(ingested.accepted == (ids.contains(id) ? 0 : 1));
          if (ids.emplace(id, true).second) ++hours[{floor_to(Granularity::hour, time).to_string(), endpoint}];
        }
      }
      const Report report = house.report(Granularity::hour);
      std::map<std::pair<std::string, std::string>, std::int64_t> seen;
      for (const ReportRow& row : report.rows)
        seen[{row.period.to_string(), report.names_of(row)[0]}] = row.counters.requests;
      REQUIRE(seen == hours);
    }
  }
}

}  // namespace meter_test
