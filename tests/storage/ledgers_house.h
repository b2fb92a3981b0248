// Ledgers over a store that can fail, driven by hand.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger_audit.h"
#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/digest.h"
#include "storage/ledgers.h"
#include "tests/sim/faulty_store.h"

namespace tally::storage_test {

using namespace storage;

inline const AccountId acme("acme");

inline Credits credits(std::int64_t micros) {
  return Credits::from_micros(micros);
}

// Ledgers over a memory store, driven by hand; `restart` forgets everything but the store.
struct House {
  SeededRandom random{7};
  sim::FaultyStore store{random, {}};
  ManualClock clock{*UtcTime::parse("2026-05-10T12:30:00Z")};
  LedgersOptions options{};
  std::map<AccountId, Account> accounts;
  std::unique_ptr<Ledgers> ledgers;
  std::unique_ptr<AccountWriter> writer;  // goes first: it finishes what is posted
  std::vector<std::pair<std::unique_ptr<Ledgers>, std::unique_ptr<AccountWriter>>> abandoned;
  int doubts = 0;

  explicit House(LedgersOptions with = {}) : options(with) { start(); }

  void start() {
    writer =
        std::make_unique<AccountWriter>(store, WriterOptions{.shards = 2, .waiting_max = 100'000, .threads = false},
                                        [this](const Error&) { ++doubts; });
    ledgers = std::make_unique<Ledgers>(
        store, *writer, clock,
        [this](const AccountId& id) {
          const auto found = accounts.find(id);
          return found == accounts.end() ? nullptr : std::make_shared<const Account>(found->second);
        },
        options);
    const auto recovered = ledgers->recover();
    CAPTURE(recovered);
    REQUIRE(recovered.has_value());
  }
  // The process dies: what was posted and not committed is gone.
  void restart() {
    auto old_writer = std::move(writer);
    auto old_ledgers = std::move(ledgers);
    abandoned.emplace_back(std::move(old_ledgers), std::move(old_writer));
    start();
  }
  void settle() {
    while (writer->step()) {
    }
  }
  void tick() {
    ledgers->tick();
    settle();
  }
  // All rows are written that may be behind.
  void write_rows() {
    ledgers->flush_all();
    settle();
  }

  Result<void> change(const AccountId& account, const Ledgers::Work& work) {
    Result<void> answer = fail(Errc::unavailable, "no answer");
    ledgers->post(account, work, [&](Result<void> result) { answer = std::move(result); });
    settle();
    return answer;
  }
  void grant(const AccountId& account, std::int64_t micros, std::optional<UtcTime> expires_at = std::nullopt) {
    Grant grant;
    grant.amount = credits(micros);
    grant.expires_at = expires_at;
    REQUIRE(change(account, [&](Ledger& l) { REQUIRE(l.grant(grant)); }));
  }
  // So many debits in one command, and so in one row.
  void debit(const AccountId& account, int times = 1) {
    REQUIRE(change(account, [&](Ledger& l) {
      for (int i = 0; i < times; ++i) REQUIRE(l.debit({credits(1), "search", "", "", 0, "", ""}));
    }));
  }
  LedgerState read(const AccountId& account) {
    Result<LedgerState> answer = fail(Errc::unavailable, "no answer");
    ledgers->read(account, [&](Result<LedgerState> state) { answer = std::move(state); });
    settle();
    REQUIRE(answer);
    return *answer;
  }
  std::vector<LedgerEntry> entries(const AccountId& account, std::uint64_t from = 1) const {
    std::vector<LedgerEntry> all;
    REQUIRE(ledgers->scan_entries(account, from, [&](const LedgerEntry& entry) {
      all.push_back(entry);
      return true;
    }));
    return all;
  }
  std::string audit(const AccountId& account) {
    LedgerAudit audit(account, sha256);
    const auto lots = ledgers->lots(account, 1, 100'000);
    REQUIRE(lots);
    for (const Lot& lot : *lots) (void)audit.add(lot);
    for (const LedgerEntry& entry : entries(account)) (void)audit.add(entry);
    const LedgerState state = read(account);
    for (std::uint64_t number = 1; number <= state.last_hold; ++number) {
      const auto hold = ledgers->hold(account, number);
      REQUIRE(hold);
      (void)audit.add(*hold);
    }
    const auto good = audit.finish(state);
    return good ? "good" : good.error().detail;
  }
};

}  // namespace tally::storage_test
