// Events and the ledger: what an event costs, settling a hold by it, taking it back.
#include <doctest/doctest.h>

#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"
#include "storage/meter.h"

namespace meter_ledger_test {

using namespace tally;
using namespace tally::storage;

namespace {

const AccountId acme("acme");

Credits credits(std::int64_t whole) {
  return Credits::from_micros(whole * 1'000'000);
}

struct House {
  MemoryStore store;
  ManualClock clock;
  SeededRandom random{3};
  std::shared_ptr<Account> account = std::make_shared<Account>();
  std::shared_ptr<PriceBook> prices = std::make_shared<PriceBook>();
  std::unique_ptr<AccountWriter> writer;
  std::unique_ptr<Ledgers> ledgers;
  std::unique_ptr<Meter> meter;

  House() {
    Price price;
    price.endpoint = "search";
    price.version = 1;
    price.credits = credits(2);
    price.category = "lookup";
    price.charge_on = ChargeOn::request;
    prices->insert(price);
    start();
  }
  ~House() { writer->stop(); }
  // What is committed stays; everything in memory is new.
  void start() {
    if (writer) writer->stop();
    meter.reset();
    ledgers.reset();
    writer = std::make_unique<AccountWriter>(store, WriterOptions{.shards = 1, .waiting_max = 10'000, .threads = false},
                                             [](const Error&) {});
    ledgers = std::make_unique<Ledgers>(store, *writer, clock, [this](const AccountId&) { return account; });
    meter = std::make_unique<Meter>(
        store, *writer, clock, *ledgers, [this] { return prices; }, WriteBehindOptions{});
    REQUIRE(ledgers->recover().has_value());
    REQUIRE(meter->recover(random).has_value());
  }
  void run() {
    while (writer->step()) {
    }
  }
  UsageEvent event(std::string id) {
    UsageEvent made;
    made.id = std::move(id);
    made.source = "gateway";
    made.account = acme;
    made.endpoint = "search";
    made.time = clock.now();
    return made;
  }
  Ingested ingest(std::vector<UsageEvent> events) {
    Result<Ingested> ingested = fail(Errc::unavailable, "not answered");
    meter->ingest(acme, std::move(events), [&](Result<Ingested> result) { ingested = std::move(result); });
    run();
    return *ingested;
  }
  void work(const Ledgers::Work& work) {
    Result<void> done = fail(Errc::unavailable, "not answered");
    ledgers->post(acme, work, [&](Result<void> result) { done = std::move(result); });
    run();
    REQUIRE(done.has_value());
  }
  void grant(Credits amount, std::optional<UtcTime> expires_at = std::nullopt) {
    work([&](Ledger& ledger) {
      Grant grant;
      grant.amount = amount;
      grant.expires_at = expires_at;
      CHECK(ledger.grant(grant).has_value());
    });
  }
  std::uint64_t hold(Credits amount) {
    std::uint64_t number = 0;
    work([&](Ledger& ledger) { number = ledger.hold({amount, minute_ms, "search", 1}).value().number; });
    return number;
  }
  Result<Hold> settle(UsageEvent happened, std::uint64_t hold) {
    Result<Hold> settled = fail(Errc::unavailable, "not answered");
    meter->settle(std::move(happened), hold, [&](Result<Hold> result) { settled = std::move(result); });
    run();
    return settled;
  }
  Result<ReversedEvent> reverse(std::string id) {
    Result<ReversedEvent> reversed = fail(Errc::unavailable, "not answered");
    meter->reverse(acme, "gateway", std::move(id), "a mistake",
                   [&](Result<ReversedEvent> result) { reversed = std::move(result); });
    run();
    return reversed;
  }
  LedgerState state() {
    Result<LedgerState> read = fail(Errc::unavailable, "not answered");
    ledgers->read(acme, [&](Result<LedgerState> result) { read = std::move(result); });
    run();
    return *read;
  }
  Counters usage() {
    ReportRequest request;
    request.range = {start_of_month(month_of(clock.now())), start_of_month(month_of(clock.now()) + 1)};
    request.granularity = Granularity::month;
    return meter->report(acme, request)->totals;
  }
};

}  // namespace

TEST_CASE("meter: each priced event is a debit that names it, in the order of the batch") {
  House house;
  house.grant(credits(5));
  const Ingested ingested = house.ingest({house.event("a"), house.event("b"), house.event("c"), house.event("a")});
  CHECK(ingested.accepted == 3);
  CHECK(ingested.duplicates == 1);
  CHECK(house.state().balance == credits(-1));
  CHECK(house.state().debt() == credits(1));
  const LedgerEntry second = *house.ledgers->entry(acme, 3);
  CHECK(second.event_id == "b");
  CHECK(second.event_source == "gateway");
  CHECK(second.price_version == 1);
  CHECK(second.amount == credits(-2));
  CHECK(second.lots == std::vector<LotShare>{{1, credits(-2)}});
  const LedgerEntry third = *house.ledgers->entry(acme, 4);
  CHECK(third.lots == std::vector<LotShare>{{1, credits(-1)}});
  CHECK(house.usage().credits_micros == credits(6).micros());
}

TEST_CASE("meter: batches of one account that wait together are one record and one change, each with its own outcome") {
  House house;
  house.grant(credits(100));
  const Position before = house.store.next_position();
  Ingested first;
  Ingested second;
  house.meter->ingest(acme, {house.event("a"), house.event("b")}, [&](Result<Ingested> r) { first = *r; });
  house.meter->ingest(acme, {house.event("b"), house.event("c")}, [&](Result<Ingested> r) { second = *r; });
  house.run();
  CHECK(house.store.next_position() == before + 2);  // the ledger's and the events'
  CHECK(first.accepted == 2);
  CHECK(second.accepted == 1);
  CHECK(second.duplicates == 1);
  CHECK(second.credits == credits(2));
  CHECK(house.ledgers->entry(acme, 4)->event_id == "c");
  CHECK(house.reverse("c")->charged == credits(2));
}

TEST_CASE("meter: an event that is refused is told by its place in its own batch") {
  House house;
  UsageEvent huge = house.event("huge");
  huge.credits = Credits::from_micros(INT64_MAX);
  UsageEvent more = house.event("more");
  more.credits = credits(1);
  Ingested first;
  Ingested second;
  house.meter->ingest(acme, {huge}, [&](Result<Ingested> r) { first = *r; });
  house.meter->ingest(acme, {huge, more}, [&](Result<Ingested> r) { second = *r; });
  house.run();
  CHECK(first.accepted == 1);
  CHECK(second.duplicates == 1);
  REQUIRE(second.rejected.size() == 1);
  CHECK(second.rejected.front().first == 1);
}

TEST_CASE("meter: an event that costs nothing posts no entry, nor does any of an unlimited account") {
  House house;
  UsageEvent free = house.event("free");
  free.endpoint = "unpriced";
  house.ingest({free});
  CHECK(house.state().last_entry == 0);
  house.account->subscription.unlimited = true;
  CHECK(house.ingest({house.event("a")}).credits == credits(2));
  CHECK(house.state().last_entry == 0);
  CHECK(house.usage().credits_micros == credits(2).micros());
}

TEST_CASE("meter: an event whose debit leaves the range is refused by its place and its id stays free") {
  House house;
  UsageEvent huge = house.event("huge");
  huge.credits = Credits::from_micros(INT64_MAX);
  UsageEvent more = house.event("more");
  more.credits = credits(1);
  house.ingest({huge});
  const Ingested ingested = house.ingest({more});
  CHECK(ingested.accepted == 0);
  REQUIRE(ingested.rejected.size() == 1);
  CHECK(ingested.rejected.front().second.rule == "amount_out_of_range");
  CHECK(ingested.credits == Credits());
  house.grant(credits(10));
  CHECK(house.ingest({more}).accepted == 1);
}

TEST_CASE("meter: a hold is settled by an event, once, and the event is counted once") {
  House house;
  house.grant(credits(10));
  const std::uint64_t hold = house.hold(credits(3));
  CHECK(house.state().available() == credits(7));
  const Hold settled = *house.settle(house.event("call"), hold);
  CHECK(settled.status == HoldStatus::settled);
  CHECK(settled.settled == credits(2));
  CHECK(house.state().balance == credits(8));
  CHECK(house.state().reserved == Credits());
  CHECK(house.ledgers->entry(acme, settled.entry)->hold == hold);

  CHECK(house.settle(house.event("call"), hold)->entry == settled.entry);  // the same again
  house.start();
  CHECK(house.settle(house.event("call"), hold)->entry == settled.entry);
  CHECK(house.settle(house.event("other"), hold).error().rule == "hold_resolved");
  CHECK(house.ingest({house.event("call")}).duplicates == 1);
  CHECK(house.ingest({house.event("other")}).accepted == 1);  // the refused one was not counted
  CHECK(house.usage().requests == 2);
}

TEST_CASE("meter: an event that was counted before settles no hold") {
  House house;
  house.grant(credits(10));
  house.ingest({house.event("call")});
  const std::uint64_t hold = house.hold(credits(3));
  CHECK(house.settle(house.event("call"), hold).error().rule == "duplicate_event");
  CHECK(house.settle(house.event("next"), 99).error().code == Errc::not_found);
  CHECK(house.state().reserved == credits(3));
}

TEST_CASE("meter: a settlement that the account cannot pay changes nothing") {
  House house;
  house.grant(credits(1));
  const std::uint64_t hold = house.hold(credits(1));
  CHECK(house.settle(house.event("call"), hold).error().code == Errc::insufficient_credits);
  CHECK(house.state().reserved == credits(1));
  CHECK(house.usage().requests == 0);
  house.grant(credits(1));
  CHECK(house.settle(house.event("call"), hold).has_value());
}

TEST_CASE("meter: an event is taken back once: its credits to their lot, its counts from the rollups") {
  House house;
  house.grant(credits(5));
  house.ingest({house.event("a"), house.event("b")});
  const ReversedEvent reversed = *house.reverse("b");
  CHECK(reversed.charged == credits(2));
  CHECK(house.ledgers->entry(acme, reversed.reversal)->reverses == 3);
  CHECK(house.state().balance == credits(3));
  CHECK(house.usage().requests == 1);
  CHECK(house.usage().credits_micros == credits(2).micros());

  CHECK(house.reverse("b")->reversal == reversed.reversal);
  CHECK(house.reverse("never").error().code == Errc::not_found);
  CHECK(house.ingest({house.event("b")}).duplicates == 1);  // its id stays taken
  CHECK(house.state().balance == credits(3));
}

TEST_CASE("meter: an event is found for its reversal wherever it lies, and the correction outlives a restart") {
  House house;
  house.grant(credits(100));
  house.ingest({house.event("a"), house.event("b"), house.event("c")});
  CHECK(house.reverse("a").has_value());  // in memory
  house.start();
  CHECK(house.usage().requests == 2);
  CHECK(house.reverse("b").has_value());  // from the journal's tail
  house.meter->flush_all();
  house.run();
  CHECK(house.reverse("c").has_value());  // by the dedup row
  house.start();
  CHECK(house.usage() == Counters{});
  CHECK(house.state().balance == credits(100));
  CHECK(house.reverse("c")->reversal == 7);
}

}  // namespace meter_ledger_test
