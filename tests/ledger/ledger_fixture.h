// One account's ledger for unit tests: commands at times of their own, all they did kept.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "storage/digest.h"

// Commands in tests name the fields that matter.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace tally {

inline UtcTime at(std::string_view iso8601) {
  return UtcTime::parse(iso8601).value();
}
inline Credits credits(std::int64_t micros) {
  return Credits::from_micros(micros);
}

struct LedgerFixture {
  AccountId account{"acme"};
  LedgerTerms terms;
  LedgerState state;
  UtcTime now = at("2026-05-10T12:00:00Z");
  std::vector<LedgerEntry> entries;
  std::map<std::uint64_t, Lot> lots;
  std::map<std::uint64_t, Hold> holds;
  LedgerChanges last;  // of the command that ran last

  // Runs one command, which calls the ledger as it likes.
  template <class Work>
  auto run(Work work) {
    Ledger ledger(account, state, terms, now, storage::sha256);
    auto result = work(ledger);
    last = ledger.finish();
    entries.insert(entries.end(), last.entries.begin(), last.entries.end());
    for (const Lot& lot : last.lots) lots[lot.number] = lot;
    for (const Hold& hold : last.holds) holds[hold.number] = hold;
    return result;
  }
  void wait_until(std::string_view iso8601) {
    now = at(iso8601);
    run([](Ledger&) { return true; });
  }

  Result<Lot> grant(const Grant& grant) {
    return run([&](Ledger& l) { return l.grant(grant); });
  }
  Result<Lot> grant(std::int64_t micros, std::optional<UtcTime> expires_at = std::nullopt, std::int32_t priority = 0) {
    Grant grant;
    grant.amount = credits(micros);
    grant.expires_at = expires_at;
    grant.priority = priority;
    return this->grant(grant);
  }
  Result<void> adjust(std::int64_t micros) {
    return run([&](Ledger& l) { return l.adjust(credits(micros), "", ""); });
  }
  Result<std::uint64_t> debit(std::int64_t micros) {
    return run([&](Ledger& l) { return l.debit({.amount = credits(micros)}); });
  }
  Result<Hold> hold(std::int64_t micros, std::int64_t ttl_ms = minute_ms) {
    return run([&](Ledger& l) { return l.hold({.credits = credits(micros), .ttl_ms = ttl_ms}); });
  }
  Result<Hold> settle(std::uint64_t number, std::int64_t micros) {
    return run([&](Ledger& l) { return l.settle(number, {.amount = credits(micros)}); });
  }
  Result<Hold> release(std::uint64_t number) {
    return run([&](Ledger& l) { return l.release(number); });
  }
  Result<void> reverse(std::uint64_t seq) {
    const LedgerEntry debit = entries.at(seq - 1);
    std::vector<Lot> paid;
    for (const LotShare& share : debit.lots) paid.push_back(lots.at(share.lot));
    return run([&](Ledger& l) { return l.reverse(debit, paid, "a mistake"); });
  }
  Result<void> start_allocation(std::int64_t micros) {
    terms.monthly_allocation = credits(micros);
    return run([&](Ledger& l) { return l.start_allocation(credits(micros)); });
  }

  std::int64_t balance() const { return state.balance.micros(); }
  std::int64_t reserved() const { return state.reserved.micros(); }
  std::int64_t available() const { return state.available().micros(); }
  std::int64_t debt() const { return state.debt().micros(); }
  // What is left of a lot; 0 when it is not open.
  std::int64_t left(std::uint64_t lot) const {
    for (const OpenLot& open : state.lots) {
      if (open.number == lot) return open.remaining.micros();
    }
    return 0;
  }
  std::size_t count(EntryType type) const {
    std::size_t found = 0;
    for (const LedgerEntry& entry : entries) found += entry.type == type ? 1 : 0;
    return found;
  }
  std::vector<Notice> notices(Notice::Kind kind) const {
    std::vector<Notice> found;
    for (const Notice& notice : last.notices) {
      if (notice.kind == kind) found.push_back(notice);
    }
    return found;
  }
};

// The rule, or the code's word, of what refused; "ok" if nothing did.
template <class T>
std::string refusal(const Result<T>& result) {
  if (result) return "ok";
  return result.error().rule.empty() ? std::string(to_string(result.error().code)) : result.error().rule;
}

inline std::vector<LotShare> shares(std::initializer_list<std::pair<std::uint64_t, std::int64_t>> list) {
  std::vector<LotShare> all;
  for (const auto& [lot, micros] : list) all.push_back({lot, credits(micros)});
  return all;
}

// An account of 100 credits whose reload is on.
inline LedgerFixture reloading(std::int64_t threshold, std::int64_t amount,
                               std::optional<std::int64_t> cap = std::nullopt) {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  f.terms.reload = {true, credits(threshold), credits(amount), std::nullopt};
  if (cap) f.terms.reload.daily_cap = credits(*cap);
  return f;
}

inline Result<bool> pay(LedgerFixture& f, std::uint64_t number) {
  return f.run([&](Ledger& l) { return l.reload_paid(number, "pay-1"); });
}
inline bool decline(LedgerFixture& f, std::uint64_t number) {
  return f.run([&](Ledger& l) { return l.reload_declined(number); });
}

}  // namespace tally
