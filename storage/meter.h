// The meter: usage events in, exact rollups out, however fast the events come.
//
// An accepted event is one entry in the journal, durable before it is acknowledged. What follows from it (its
// fingerprint against duplicates, its counts in the day's and the month's rollup) is kept in memory first and written
// behind, an account at a time, so that many events cost one row. A report adds what is in memory to what is stored; a
// restart reads the journal's tail again. So either way every acknowledged event is in every report, once.
//
// What an event costs is debited from its account's ledger in the same commit.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/clock.h"
#include "core/event.h"
#include "core/price.h"
#include "core/report.h"
#include "storage/ledgers.h"
#include "storage/writer.h"

namespace tally::storage {

struct Ingested {
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;
  Credits credits;                                      // of the accepted ones
  std::vector<std::pair<std::size_t, Error>> rejected;  // by place in the vector: a charge that leaves the range
};

struct ReversedEvent {
  UsageEvent event;
  Credits charged;             // what it had cost
  std::uint64_t reversal = 0;  // seq of the ledger entry that gave it back; 0: nothing had been debited
};

class Meter {
 public:
  // `prices` gives the prices in force, on any thread.
  Meter(Store& store, Writer& writer, Clock& clock, Ledgers& ledgers,
        std::function<std::shared_ptr<const PriceBook>()> prices, WriteBehindOptions options);
  ~Meter();

  // Call once before anything else: reads the journal's tail. Errc::corrupt names the record.
  Result<void> recover(Random& random);

  // Validated events of one account. `done` follows when they are durable and in every report; the same (source, id)
  // seen before, in this batch or within 32 days, is a duplicate and counts nothing. Calls that wait for their turn are
  // run and committed together, each with an outcome of its own. Thread-safe.
  void ingest(const AccountId& account, std::vector<UsageEvent> events, std::function<void(Result<Ingested>)> done);

  // The validated event happened under the open hold `hold` of its account: it is counted and debited as the hold's
  // settlement, in one commit. Gives the settled hold; the same again for the same event. Errc::not_found: no such
  // hold; Errc::insufficient_credits as Ledger::settle; Errc::conflict `hold_resolved`: it ended otherwise;
  // `duplicate_event`: the event was counted before, without the hold. On an error nothing changed.
  void settle(UsageEvent event, std::uint64_t hold, std::function<void(Result<Hold>)> done);

  // Takes an event back, once: its credits as Ledger::reverse says, its counts from the rollups; its (source, id) stays
  // taken. The same again gives the same answer. Errc::not_found: no such event within the last 32 days.
  void reverse(const AccountId& account, std::string source, std::string id, std::string reason,
               std::function<void(Result<ReversedEvent>)> done);

  // Exact as of every event acknowledged before the call. Thread-safe.
  Result<Report> report(const AccountId& account, const ReportRequest& request) const;

  // Adds what is counted of the account, from rows with all that there is (storage/settled_rows.h).
  static Result<void> collect(const Rows& settled, const AccountId& account, const ReportRequest& request,
                              ReportBuilder& builder);
  // All that was acknowledged of the account is in its rows.
  bool is_settled(const AccountId& account) const;

  // Writes what has waited long enough; call every 100 ms or so.
  void tick();

  // Posts writes for everything in memory; after the writer's stop nothing is left for recover() to do.
  void flush_all();

  std::uint64_t unflushed_events() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::storage
