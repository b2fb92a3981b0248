// What must be true of the accounts' credits, whatever happened: the journal against what clients were told, the rows
// against the journal, and every debit against the event that it charged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "storage/journal_record.h"
#include "storage/store.h"
#include "tests/sim/verdict.h"

namespace tally::sim {

class LedgerModel {
 public:
  explicit LedgerModel(Verdict& verdict) : verdict_(verdict) {}

  // A grant goes to the server under this description, which no other one has.
  std::string grant_sent(const AccountId& account);
  void grant_answered(const std::string& description, const Result<void>& answer);
  // A hold was acknowledged; or its end in this state.
  void hold_acknowledged(const AccountId& account, std::uint64_t number, HoldStatus status);
  // A new process: the books are read anew.
  void restarted();

  void check(const storage::Store& store);
  // Nothing is under way any more, and every row is written.
  void check_quiescent(const storage::Store& store);

  std::uint64_t entries() const noexcept { return entries_; }

 private:
  struct Sent {
    AccountId account;
    bool acknowledged = false;
    bool refused = false;
  };
  // Of one account, as the journal tells it.
  struct Book {
    std::vector<LedgerEntry> entries;
    std::map<std::uint64_t, Lot> lots;
    std::map<std::uint64_t, Hold> holds;
    std::map<storage::Position, std::string> states;  // after each record
    std::uint64_t debited_events = 0;
    std::uint64_t charged_events = 0;
    std::map<std::string, int> grants;  // by description
  };
  void read_journal(const storage::Store& store);
  void take(const AccountId& account, storage::Position position, const storage::LedgerRecord& record);
  void take(const AccountId& account, Book& book, const LedgerEntry& entry);
  void take(const AccountId& account, const storage::UsageRecord& record);
  void check_rows(const storage::Store& store, const AccountId& account, const Book& book);
  void audit(const storage::Store& store, const AccountId& account, const Book& book);

  Verdict& verdict_;
  std::map<std::string, Sent> grants_;
  std::map<std::pair<AccountId, std::uint64_t>, HoldStatus> holds_;  // as clients were told
  std::map<AccountId, Book> books_;
  storage::Position read_to_ = 0;
  std::uint64_t last_grant_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace tally::sim
