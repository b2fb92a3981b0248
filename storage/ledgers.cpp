#include "storage/ledgers.h"

#include <algorithm>
#include <atomic>

#include "core/codec.h"
#include "storage/digest.h"

namespace tally::storage {

namespace {

std::string number_key(std::uint64_t number) {
  std::string key;
  append_be64(key, number);
  return key;
}

template <class T>
Result<T> decode_row(const Result<std::optional<std::string>>& row, Result<T> (*decode)(std::string_view),
                     const char* what) {
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, std::string("no such ") + what);
  return decode(**row);
}

}  // namespace

// Only the thread that runs the account's commands touches `state`.
struct Ledgers::Cached {
  LedgerState state;
  // As the last command that changed them said, which may not be committed yet; if none did, as `accounts_` says.
  std::optional<LedgerTerms> terms;
  std::atomic<std::uint32_t> in_use{0};  // commands that use it or are not committed yet
};

Ledgers::Ledgers(Store& store, Writer& writer, const Clock& clock, Accounts accounts, LedgersOptions options)
    : store_(store), writer_(writer), clock_(clock), accounts_(std::move(accounts)), options_(options) {}

Ledgers::~Ledgers() = default;

void Ledgers::set_outbox(Outbox outbox) {
  outbox_ = std::move(outbox);
}

Result<void> Ledgers::recover() {
  std::optional<Error> broken;
  auto scanned = store_.scan_all(Table::ledger, AccountId(),
                                 [&](std::string_view account, std::string_view, std::string_view row) {
                                   const auto state = decode_ledger_state(row);
                                   if (!state) return broken = state.error(), false;
                                   if (state->due_at) set_due(AccountId(std::string(account)), state->due_at);
                                   return true;
                                 });
  if (broken) return *broken;
  return scanned;
}

Ledgers::Stripe& Ledgers::stripe_of(const AccountId& account) {
  return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
}

Result<LedgerState> Ledgers::load(AccountTx& tx) const {
  const auto row = tx.get(Table::ledger, "");
  if (!row) return row.error();
  if (!*row) return LedgerState{};
  auto state = decode_ledger_state(**row);
  if (!state) return state;
  // A state that is not cached has nothing on its way, so the store has all of it.
  std::vector<std::string> open;
  auto scanned = store_.scan(Table::open_hold, tx.account(), {}, [&](std::string_view key, std::string_view) {
    open.emplace_back(key);
    return true;
  });
  if (!scanned) return scanned.error();
  if (open.empty()) return state;
  const auto rows = store_.get_many(Table::hold, tx.account(), open);
  if (!rows) return rows.error();
  for (const auto& hold_row : *rows) {
    if (!hold_row) return fail(Errc::corrupt, "an open hold of " + tx.account().str() + " has no row");
    auto hold = decode_hold(*hold_row);
    if (!hold) return hold.error();
    add_hold(*state, std::move(*hold));
  }
  return state;
}

Result<std::shared_ptr<Ledgers::Cached>> Ledgers::acquire(AccountTx& tx) {
  Stripe& stripe = stripe_of(tx.account());
  {
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(tx.account());
    if (found != stripe.accounts.end()) {
      ++found->second->in_use;
      return found->second;
    }
  }
  auto state = load(tx);
  if (!state) return state.error();
  auto cached = std::make_shared<Cached>();
  cached->state = std::move(*state);
  cached->in_use = 1;
  const std::lock_guard lock(stripe.mutex);
  std::size_t looked_at = 0;
  for (auto old = stripe.accounts.begin(); stripe.accounts.size() >= options_.cached_accounts_max / stripes_.size() &&
                                           old != stripe.accounts.end() && looked_at < 64;
       ++looked_at) {
    old = old->second->in_use == 0 ? stripe.accounts.erase(old) : std::next(old);
  }
  stripe.accounts.emplace(tx.account(), cached);
  return cached;
}

Result<void> Ledgers::change(AccountTx& tx, const Work& work) {
  if (!tx.writable()) return fail(Errc::exhausted, "the disk is nearly full; the server is read-only");
  const auto cached = acquire(tx);
  if (!cached) return cached.error();
  if ((*cached)->terms) {
    decide(tx, *cached, *(*cached)->terms, work);
    return {};
  }
  const auto account = accounts_(tx.account());
  decide(tx, *cached, account ? ledger_terms(*account) : LedgerTerms{}, work);
  return {};
}

Result<void> Ledgers::change_terms(AccountTx& tx, const LedgerTerms& terms, const Work& work) {
  if (auto until_now = change(tx, [](Ledger&) {}); !until_now) return until_now;
  const auto cached = acquire(tx);
  if (!cached) return cached.error();
  (*cached)->terms = terms;
  decide(tx, *cached, terms, work);
  return {};
}

void Ledgers::decide(AccountTx& tx, const std::shared_ptr<Cached>& cached, const LedgerTerms& terms, const Work& work) {
  const auto due_before = cached->state.due_at;
  Ledger ledger(tx.account(), cached->state, terms, clock_.now(), sha256);
  work(ledger);
  const LedgerChanges changes = ledger.finish();
  if (changes.changed) {
    write(tx, cached->state, changes);
    if (outbox_) outbox_(tx, changes);
  }
  const bool due_changed = cached->state.due_at != due_before;
  tx.on_commit([this, cached, due_changed, due_at = cached->state.due_at, id = tx.account()](Position) {
    --cached->in_use;
    if (due_changed) set_due(id, due_at);
  });
}

void Ledgers::write(AccountTx& tx, const LedgerState& state, const LedgerChanges& changes) {
  tx.put(Table::ledger, "", encode(state));
  if (!changes.entries.empty())
    tx.put(Table::ledger_entry, number_key(changes.entries.back().seq), encode(changes.entries));
  for (const Lot& lot : changes.lots) tx.put(Table::lot, number_key(lot.number), encode(lot));
  for (const Hold& hold : changes.holds) {
    std::string key = number_key(hold.number);
    if (hold.status == HoldStatus::open) {
      tx.put(Table::open_hold, key, "");
    } else {
      tx.erase(Table::open_hold, key);
    }
    tx.put(Table::hold, std::move(key), encode(hold));
  }
}

void Ledgers::post(const AccountId& account, Work work, Done done) {
  writer_.post(
      account, [this, work = std::move(work)](AccountTx& tx) { return change(tx, work); }, Durability::synced,
      std::move(done));
}

void Ledgers::read(const AccountId& account, std::function<void(Result<LedgerState>)> then) {
  const auto stored = [this, account]() -> Result<LedgerState> {
    const auto row = store_.get(Table::ledger, account, "");
    if (!row) return row.error();
    if (!*row) return LedgerState{};
    return decode_ledger_state(**row);
  };
  auto state = stored();
  if (!state || !state->due_at || *state->due_at > clock_.now()) return then(std::move(state));
  post(
      account, [](Ledger&) {},
      [stored, then = std::move(then)](const Result<void>& result) {
        // A full disk must not hide a balance: the figures are those of the last change then.
        if (!result && result.error().code != Errc::exhausted) return then(result.error());
        then(stored());
      });
}

Result<Lot> Ledgers::lot(const AccountId& account, std::uint64_t number) const {
  return decode_row(store_.get(Table::lot, account, number_key(number)), decode_lot, "lot");
}

Result<std::vector<Lot>> Ledgers::lots(const AccountId& account, std::uint64_t from, std::size_t limit) const {
  std::vector<Lot> lots;
  std::optional<Error> broken;
  auto scanned =
      store_.scan(Table::lot, account, {number_key(from), {}, false}, [&](std::string_view, std::string_view row) {
        if (lots.size() == limit) return false;
        auto lot = decode_lot(row);
        if (!lot) return broken = lot.error(), false;
        lots.push_back(std::move(*lot));
        return true;
      });
  if (broken) return *broken;
  if (!scanned) return scanned.error();
  return lots;
}

Result<Hold> Ledgers::hold(const AccountId& account, std::uint64_t number) const {
  return decode_row(store_.get(Table::hold, account, number_key(number)), decode_hold, "hold");
}

Result<LedgerEntry> Ledgers::entry(const AccountId& account, std::uint64_t seq) const {
  Result<LedgerEntry> found = fail(Errc::not_found, "no such ledger entry");
  auto scanned = scan_entries(account, seq, [&](const LedgerEntry& entry) {
    if (entry.seq == seq) found = entry;
    return false;
  });
  if (!scanned) return scanned.error();
  return found;
}

// A row's key is its last entry's seq, so the first row from `from` on holds `from`.
Result<void> Ledgers::scan_entries(const AccountId& account, std::uint64_t from,
                                   const std::function<bool(const LedgerEntry&)>& visit) const {
  Result<void> broken;
  auto scanned = store_.scan(Table::ledger_entry, account, {number_key(from), {}, false},
                             [&](std::string_view, std::string_view row) {
                               const auto entries = decode_ledger_entries(row);
                               if (!entries) return broken = entries.error(), false;
                               for (const LedgerEntry& entry : *entries) {
                                 if (entry.seq >= from && !visit(entry)) return false;
                               }
                               return true;
                             });
  return broken ? scanned : broken;
}

Result<void> Ledgers::scan_entries_back(const AccountId& account, std::uint64_t before,
                                        const std::function<bool(const LedgerEntry&)>& visit) const {
  Result<void> broken;
  bool stopped = false;
  const auto visit_row = [&](std::string_view row) {
    auto entries = decode_ledger_entries(row);
    if (!entries) return broken = entries.error(), false;
    std::reverse(entries->begin(), entries->end());
    for (const LedgerEntry& entry : *entries) {
      if (before != 0 && entry.seq >= before) continue;
      if (!visit(entry)) return stopped = true, false;
    }
    return true;
  };
  ScanRange range;
  range.reverse = true;
  if (before != 0) {
    // The row that holds `before` may hold earlier entries too; its key is not before `before`'s.
    std::string first = number_key(before);
    auto scanned = store_.scan(Table::ledger_entry, account, {first, {}, false},
                               [&](std::string_view, std::string_view row) { return visit_row(row), false; });
    if (!scanned) return scanned;
    if (!broken || stopped) return broken;
    range.to = std::move(first);
  }
  auto scanned = store_.scan(Table::ledger_entry, account, range,
                             [&](std::string_view, std::string_view row) { return visit_row(row); });
  return broken ? scanned : broken;
}

void Ledgers::set_due(const AccountId& account, std::optional<UtcTime> due_at) {
  const std::lock_guard lock(due_mutex_);
  const auto known = due_at_.find(account);
  if (known != due_at_.end()) {
    due_.erase({known->second, account});
    due_at_.erase(known);
  }
  if (!due_at) return;
  due_.emplace(*due_at, account);
  due_at_.emplace(account, *due_at);
}

void Ledgers::tick() {
  const UtcTime now = clock_.now();
  std::vector<AccountId> ready;
  {
    const std::lock_guard lock(due_mutex_);
    for (const auto& [at, account] : due_) {
      if (at > now || ready.size() == options_.due_at_once_max) break;
      ready.push_back(account);
    }
  }
  for (const AccountId& account : ready)
    post(
        account, [](Ledger&) {}, nullptr);
}

}  // namespace tally::storage
