// What must be true of usage, computed as naively as can be: every event in one list, every figure by counting it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/price.h"
#include "core/report.h"
#include "storage/journal_record.h"
#include "storage/meter.h"
#include "tests/sim/verdict.h"

namespace tally::sim {

class UsageModel {
 public:
  explicit UsageModel(Verdict& verdict) : verdict_(verdict) {}

  // A batch goes to the server; the number names it for its answer.
  std::size_t sent(const std::vector<UsageEvent>& events);
  void answered(std::size_t batch, const Result<storage::Ingested>& answer);
  // A new process over what the old one left: nothing may be waiting for an answer, and the books are read anew.
  void restarted();

  // The journal as far as it goes, against what was sent.
  void read_journal(const storage::Store& store);
  // The journal against what was sent and acknowledged; the rows against the journal.
  void check(const storage::Store& store);
  // A report against the account's events at or before its `as_of`; `last`: it must include all of them.
  void check_report(const AccountId& account, const Report& report, bool last);

  std::uint64_t journaled() const noexcept { return journaled_; }

 private:
  using EventKey = std::tuple<AccountId, std::string, std::string>;  // account, source, id
  struct Known {
    UsageEvent event;
    std::uint32_t waiting = 0;       // batches with it that have no answer
    std::uint32_t acknowledged = 0;  // as accepted or as a duplicate
    std::uint32_t unknown = 0;       // batches with it whose outcome nobody was told
    bool journaled = false;
  };
  struct Sent {
    AccountId account;
    std::vector<EventKey> keys;
    bool answered = false;
  };
  struct Journaled {
    storage::Position position;
    storage::ChargedEvent charged;
  };
  // Of one account.
  struct Book {
    std::vector<Journaled> events;
    std::size_t flushed = 0;                // how many of them the rows below include
    std::map<std::string, RollupRow> days;  // by rollup_key
    std::map<std::string, RollupRow> months;
    std::uint64_t accepted = 0;  // as the answers said
    std::uint64_t maybe = 0;     // events of batches whose outcome nobody was told
  };

  void take(const storage::Store& store, const AccountId& account, storage::Position position,
            storage::ChargedEvent charged);
  void check_charge(const storage::Store& store, const storage::ChargedEvent& charged);
  void check_acknowledged();
  void check_rows(const storage::Store& store);
  void check_table(const storage::Store& store, storage::Table table, std::map<std::string, RollupRow> Book::*expected);
  void check_dedup(const storage::Store& store);

  Verdict& verdict_;
  std::map<EventKey, Known> events_;
  std::vector<Sent> batches_;
  std::map<AccountId, Book> books_;
  std::map<std::pair<std::string, std::uint32_t>, Price> prices_;
  storage::Position read_to_ = 0;
  std::uint64_t journaled_ = 0;
};

}  // namespace tally::sim
