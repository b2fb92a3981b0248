// Ledgers on their way from where they lie (a server, a directory, an export) to who reads them (export, audit).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/ledger.h"

namespace tally::tools {

// What usage figures say of an account, for comparison with its entries.
struct Metered {
  Credits credits;    // in all rollups
  Credits undebited;  // of these, what no entry stands for: priced while the account was unlimited
  // The source cannot tell `undebited`, so figures above the entries prove nothing.
  bool undebited_unknown = false;
};

// What stands beside an account's rows. The state of a source that does not show all of it has, for the rest, what its
// rows come to; its open holds are never filled in.
struct AccountFigures {
  LedgerState state;
  // Empty: the source does not list holds.
  std::optional<std::uint64_t> open_holds;
  std::optional<Metered> metered;  // not part of an export
};

// Called for one account after the other, in order of their ids; for each: its lots by number, its entries by seq, its
// holds by number (as far as the source has them), and last its figures.
class LedgerSink {
 public:
  virtual ~LedgerSink() = default;
  virtual void lot(const AccountId& account, const Lot& lot, Credits remaining) = 0;
  virtual void entry(const AccountId& account, const LedgerEntry& entry) = 0;
  virtual void hold(const AccountId& account, const Hold& hold) = 0;
  virtual void end(const AccountId& account, const AccountFigures& figures) = 0;
  // In place of its figures: the account changes all the time, so that its rows are of different moments.
  virtual void unsettled(const AccountId& account) = 0;
  // Something cannot be read, or contradicts itself, before anything is compared. `entry`: the first one in doubt, if
  // it is one. With an account that is empty it concerns the source as a whole.
  virtual void wrong(const AccountId& account, std::optional<std::uint64_t> entry, const std::string& what) = 0;
  // Something is right but could not be compared.
  virtual void note(const AccountId& account, const std::string& what) = 0;
};

}  // namespace tally::tools
