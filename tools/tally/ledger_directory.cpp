// Ledgers of a stopped server's data directory.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/codec.h"
#include "core/rollup.h"
#include "storage/journal_record.h"
#include "storage/ledgers.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tools/tally/ledger_sources.h"

namespace tally::tools {
namespace {

using StoreTable = storage::Table;

// Nobody changes anything here. What Ledgers is told is that the disk is full: then it answers as of the last change.
class NoWriter final : public storage::Writer {
 public:
  void post(AccountId, storage::Command, storage::Durability, storage::Done done) override {
    if (done) done(fail(Errc::exhausted, "opened for reading"));
  }
};

Failure damaged(const Error& error) {
  return {Exit::refused, error.detail};
}

__extension__ using Wide = __int128;

Credits saturated(Wide micros) {
  const Wide top = std::numeric_limits<std::int64_t>::max();
  return Credits::from_micros(static_cast<std::int64_t>(std::clamp(micros, -top, top)));
}

// Whose state it is that cannot be read, for a message; empty if it is none.
std::string unreadable_state(const storage::Rows& rows) {
  std::string whose;
  const auto scanned = rows.scan_all(StoreTable::ledger, AccountId(),
                                     [&](std::string_view account, std::string_view, std::string_view row) {
                                       if (!decode_ledger_state(row)) whose = "account " + std::string(account) + ", ";
                                       return whose.empty();
                                     });
  return scanned ? whose : std::string();
}

// What the journal knows of an account's usage.
struct Journaled {
  std::uint64_t rollups_through = 0;  // records up to here are in the rollups
  Wide after = 0;                     // cost of the events in later ones
  Wide undebited = 0;                 // cost of events without an entry
};

}  // namespace

struct LedgerDirectory::Parts {
  std::unique_ptr<storage::RocksStore> store;
  NoWriter writer;
  std::unique_ptr<storage::Ledgers> ledgers;

  Result<std::map<std::string, Journaled, std::less<>>> read_journal(const std::vector<AccountId>& accounts) const;
  Result<Wide> rollups(const AccountId& account, StoreTable table) const;
  void read(const AccountId& account, const Journaled& journaled, LedgerSink& sink) const;
  Result<LedgerState> read_state(const AccountId& account) const;
  Result<std::uint64_t> give_holds(const AccountId& account, std::uint64_t last, LedgerSink& sink) const;
  void give_usage(const AccountId& account, const Journaled& journaled, AccountFigures& figures,
                  LedgerSink& sink) const;
};

LedgerDirectory::LedgerDirectory(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LedgerDirectory::~LedgerDirectory() = default;

Outcome<std::unique_ptr<LedgerDirectory>> LedgerDirectory::open(Session& session, const std::string& path) {
  // The store would make a directory that is not there.
  std::error_code error;
  if (!std::filesystem::exists(path + "/FORMAT", error))
    return Failure{Exit::usage, path + " is no data directory of tallyd"};
  auto store = storage::RocksStore::open(path, session.clock);
  if (!store) {
    const bool in_use = store.error().code == Errc::conflict;
    return Failure{store.error().code == Errc::corrupt ? Exit::refused : Exit::usage,
                   store.error().detail + (in_use ? "; stop the server, or leave --data out to ask it" : "")};
  }
  auto parts = std::make_unique<Parts>();
  parts->store = std::move(*store);
  parts->ledgers = std::make_unique<storage::Ledgers>(*parts->store, parts->writer, session.clock,
                                                      [](const AccountId&) { return nullptr; });
  if (auto recovered = parts->ledgers->recover(); !recovered)
    return Failure{Exit::refused, unreadable_state(*parts->store) + recovered.error().detail};
  return std::unique_ptr<LedgerDirectory>(new LedgerDirectory(std::move(parts)));
}

Outcome<std::vector<AccountId>> LedgerDirectory::accounts(const std::vector<std::string>& wanted) const {
  std::set<AccountId> found;
  for (const StoreTable table : {StoreTable::account, StoreTable::ledger, StoreTable::ledger_entry, StoreTable::lot}) {
    AccountId from;
    // An account's first row is enough; the next scan begins behind it.
    while (true) {
      std::string next;
      auto scanned =
          parts_->store->scan_all(table, from, [&](std::string_view account, std::string_view, std::string_view) {
            next = std::string(account);
            return false;
          });
      if (!scanned) return damaged(scanned.error());
      if (next.empty()) break;
      found.emplace(next);
      from = AccountId(next + '\1');
    }
  }
  found.erase(storage::system_account());
  if (wanted.empty()) return std::vector<AccountId>(found.begin(), found.end());
  std::set<AccountId> chosen;
  for (const std::string& id : wanted) {
    if (!found.contains(AccountId(id))) return Failure{Exit::usage, "there is no account " + id};
    chosen.emplace(id);
  }
  return std::vector<AccountId>(chosen.begin(), chosen.end());
}

Outcome<void> LedgerDirectory::read(const std::vector<AccountId>& accounts, LedgerSink& sink) const {
  const auto journal = parts_->read_journal(accounts);
  if (!journal) return damaged(journal.error());
  for (const AccountId& account : accounts) parts_->read(account, journal->at(account.str()), sink);
  return {};
}

Result<std::map<std::string, Journaled, std::less<>>> LedgerDirectory::Parts::read_journal(
    const std::vector<AccountId>& accounts) const {
  std::map<std::string, Journaled, std::less<>> journaled;
  for (const AccountId& account : accounts) {
    const auto row = store->get(StoreTable::meter, account, "");
    if (!row) return row.error();
    journaled[account.str()].rollups_through = *row && (*row)->size() == 8 ? read_be64(**row) : 0;
  }
  Result<void> broken;
  const auto read =
      store->read_journal(1, [&](storage::Position position, std::string_view account, std::string_view bytes) {
        const auto found = journaled.find(account);
        if (found == journaled.end() || storage::is_ledger_record(bytes)) return true;
        const auto record = storage::decode_usage_record(bytes);
        if (!record) {
          broken = fail(Errc::corrupt, "journal record " + std::to_string(position) + ": " + record.error().detail);
          return false;
        }
        for (const storage::ChargedEvent& event : record->events) {
          const Wide cost = record->reversal ? -Wide{event.charged.micros()} : Wide{event.charged.micros()};
          if (position > found->second.rollups_through) found->second.after += cost;
          if (event.entry == 0) found->second.undebited += cost;
        }
        return true;
      });
  if (!broken) return broken.error();
  if (!read) return read.error();
  return journaled;
}

Result<Wide> LedgerDirectory::Parts::rollups(const AccountId& account, StoreTable table) const {
  Wide sum = 0;
  Result<void> broken;
  const auto scanned = store->scan(table, account, {}, [&](std::string_view, std::string_view row) {
    RollupRowReader series(row);
    while (series.next()) {
      const auto total = decode_rollup_total(series.value());
      if (!total) return broken = total.error(), false;
      sum += total->counters.credits_micros;
    }
    if (!series.ok()) broken = fail(Errc::corrupt, "a rollup row cannot be read");
    return broken.has_value();
  });
  if (!broken) return broken.error();
  if (!scanned) return scanned.error();
  return sum;
}

Result<LedgerState> LedgerDirectory::Parts::read_state(const AccountId& account) const {
  Result<LedgerState> read = fail(Errc::unavailable, "no answer");
  ledgers->read(account, [&read](Result<LedgerState> state) { read = std::move(state); });
  return read;
}

void LedgerDirectory::Parts::read(const AccountId& account, const Journaled& journaled, LedgerSink& sink) const {
  const auto state = read_state(account);
  if (!state) return sink.wrong(account, std::nullopt, "its state cannot be read: " + state.error().detail);
  std::map<std::uint64_t, Credits> remaining;
  for (const OpenLot& lot : state->lots) remaining[lot.number] = lot.remaining;

  const auto lots = ledgers->lots(account, 1, std::numeric_limits<std::size_t>::max());
  if (!lots) return sink.wrong(account, std::nullopt, "its lots cannot be read: " + lots.error().detail);
  for (const Lot& lot : *lots) {
    sink.lot(account, lot, remaining[lot.number]);
    remaining.erase(lot.number);
  }
  for (const auto& [number, left] : remaining)
    sink.wrong(account, std::nullopt,
               "lot_" + std::to_string(number) + " has " + left.to_string() + " left but was never granted");

  std::uint64_t last = 0;
  const auto scanned = ledgers->scan_entries(account, 1, [&](const LedgerEntry& entry) {
    last = entry.seq;
    sink.entry(account, entry);
    return true;
  });
  if (!scanned)
    return sink.wrong(account, last + 1, "entry " + std::to_string(last + 1) + ": " + scanned.error().detail);

  const auto holds = give_holds(account, state->last_hold, sink);
  if (!holds) return sink.wrong(account, std::nullopt, "its holds cannot be read: " + holds.error().detail);

  AccountFigures figures{*state, *holds, std::nullopt};
  give_usage(account, journaled, figures, sink);
  sink.end(account, figures);
}

// How many of them are open.
Result<std::uint64_t> LedgerDirectory::Parts::give_holds(const AccountId& account, std::uint64_t last,
                                                         LedgerSink& sink) const {
  std::uint64_t open = 0;
  for (std::uint64_t number = 1; number <= last; ++number) {
    const auto hold = ledgers->hold(account, number);
    if (!hold) return hold.error();
    if (hold->status == HoldStatus::open) ++open;
    sink.hold(account, *hold);
  }
  return open;
}

void LedgerDirectory::Parts::give_usage(const AccountId& account, const Journaled& journaled, AccountFigures& figures,
                                        LedgerSink& sink) const {
  const auto days = rollups(account, StoreTable::rollup_day);
  const auto months = rollups(account, StoreTable::rollup_month);
  if (!days || !months) {
    sink.wrong(account, std::nullopt, "its rollups cannot be read");
    return;
  }
  if (*days != *months)
    sink.wrong(account, std::nullopt,
               "its rollups disagree: " + saturated(*days).to_string() + " credits by days, " +
                   saturated(*months).to_string() + " by months");
  figures.metered = Metered{saturated(*days + journaled.after), saturated(journaled.undebited), false};
}

}  // namespace tally::tools
