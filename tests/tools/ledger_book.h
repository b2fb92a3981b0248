// An account's ledger in memory, made by the real rules, for tests that read ledgers.
#pragma once

#include <map>
#include <vector>

#include "core/ledger.h"
#include "storage/digest.h"
#include "tools/tally/ledger_sink.h"

namespace tally::tools::testing {

inline Credits credits(std::int64_t whole) {
  return Credits::from_micros(whole * 1'000'000);
}

struct LedgerBook {
  explicit LedgerBook(std::string id) : account(std::move(id)) {}

  AccountId account;
  LedgerTerms terms;
  LedgerState state;
  std::vector<LedgerEntry> entries;
  std::map<std::uint64_t, Lot> lots;
  std::map<std::uint64_t, Hold> holds;
  UtcTime now = *UtcTime::parse("2025-01-31T10:00:00.250Z");

  template <class Work>
  auto run(Work work) {
    Ledger ledger(account, state, terms, now, storage::sha256);
    auto result = work(ledger);
    const LedgerChanges changes = ledger.finish();
    entries.insert(entries.end(), changes.entries.begin(), changes.entries.end());
    for (const Lot& lot : changes.lots) lots.insert_or_assign(lot.number, lot);
    for (const Hold& hold : changes.holds) holds.insert_or_assign(hold.number, hold);
    return result;
  }

  Lot grant(Grant grant) {
    return run([&](Ledger& ledger) { return ledger.grant(grant).value(); });
  }
  std::uint64_t debit(Credits amount, std::string event) {
    return run([&](Ledger& ledger) {
      return ledger.debit({amount, "people/search", "gateway", std::move(event), 2, "", ""}).value();
    });
  }
  void reverse(std::uint64_t seq, std::string reason) {
    std::vector<Lot> all;
    for (const auto& [number, lot] : lots) all.push_back(lot);
    const LedgerEntry debit = entries[seq - 1];
    run([&](Ledger& ledger) {
      ledger.reverse(debit, all, std::move(reason)).value();
      return 0;
    });
  }
  Credits remaining(std::uint64_t lot) const {
    for (const OpenLot& open : state.lots) {
      if (open.number == lot) return open.remaining;
    }
    return {};
  }

  void give(LedgerSink& sink) const {
    for (const auto& [number, lot] : lots) sink.lot(account, lot, remaining(number));
    for (const LedgerEntry& entry : entries) sink.entry(account, entry);
    std::uint64_t open = 0;
    for (const auto& [number, hold] : holds) {
      open += hold.status == HoldStatus::open ? 1 : 0;
      sink.hold(account, hold);
    }
    sink.end(account, {state, open, std::nullopt});
  }
};

// Every type of entry, debt that is paid, holds in every status, lots closed, open, expired and everlasting.
inline LedgerBook varied_book(std::string id) {
  LedgerBook book(std::move(id));
  Grant first;
  first.amount = credits(10);
  first.expires_at = book.now + 30 * day_ms;
  first.reference = "invoice-17";
  first.description = "for the \"pilot\", caf\xc3\xa9";
  first.metadata = R"({"order":4711,"rate":1.50,"paid":true,"note":null,"who":"A\u0001B"})";
  book.grant(first);
  Grant second;
  second.amount = Credits::from_micros(5'000'001);
  second.never_expires = true;
  second.priority = -3;
  book.grant(second);
  book.now = book.now + hour_ms;
  const std::uint64_t wrong_charge = book.debit(Credits::from_micros(7'250'000), "call-1");
  book.debit(credits(1), "call-2");
  book.reverse(wrong_charge, "answered with garbage");
  const auto hold = [&](std::int64_t amount) {
    return book.run([&](Ledger& ledger) {
      return ledger.hold({credits(amount), hour_ms, "people/search", 2}).value();
    });
  };
  const Hold settled = hold(3);
  const Hold released = hold(2);
  book.run([&](Ledger& ledger) {
    return ledger.settle(settled.number, {credits(2), "people/search", "gateway", "call-3", 2, "", ""}).value();
  });
  book.run([&](Ledger& ledger) { return ledger.release(released.number).value(); });
  hold(1);
  book.now = book.now + 31 * day_ms;
  book.debit(credits(40), "call-4");
  book.run([&](Ledger& ledger) { return ledger.adjust(credits(100), "the outage of March", "ticket-1").has_value(); });
  book.run([&](Ledger& ledger) { return ledger.adjust(credits(-1), "granted twice", "").has_value(); });
  Hold open = hold(4);
  (void)open;
  return book;
}

}  // namespace tally::tools::testing
