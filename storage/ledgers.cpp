#include "storage/ledgers.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "core/codec.h"
#include "storage/digest.h"
#include "storage/journal_record.h"

namespace tally::storage {

// Only the thread that runs the account's commands touches `state`.
struct Ledgers::Cached {
  LedgerState state;
  // As the last command that changed them said, which may not be committed yet; if none did, as `accounts_` says.
  std::optional<LedgerTerms> terms;
  std::atomic<std::uint32_t> in_use{0};  // commands that use it or are not committed yet
  std::string committed;  // the latest committed bytes of the state, empty: none; guarded by the stripe's mutex
  // Holds that such commands made or resolved, and by how many of them; guarded by the stripe's mutex.
  struct OnTheWay {
    Hold hold;
    std::uint32_t commands = 0;
  };
  std::map<std::uint64_t, OnTheWay> holds;
};

Ledgers::Ledgers(Store& store, Writer& writer, const Clock& clock, Accounts accounts, LedgersOptions options)
    : store_(store),
      writer_(writer),
      clock_(clock),
      accounts_(std::move(accounts)),
      options_(options),
      tail_(store, writer, clock, options.tail) {}

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
  if (!scanned) return scanned;
  scanned = store_.scan_all(Table::open_hold, AccountId(), [&](std::string_view, std::string_view, std::string_view) {
    stats_.replayed(false, true);
    return true;
  });
  if (!scanned) return scanned;

  const auto from = store_.get(Table::meta, system_account(), replay_from_row);
  if (!from) return from.error();
  std::unordered_map<std::string, Position> through;
  auto read = store_.read_journal(
      *from && (*from)->size() == 8 ? read_be64(**from) : 1,
      [&](Position position, std::string_view account, std::string_view bytes) {
        if (!is_ledger_record(bytes)) return true;
        const AccountId id{std::string(account)};
        auto included = through.find(id.str());
        if (included == through.end()) {
          const auto row = store_.get(Table::meter, id, ledger_through_key);
          if (!row) return broken = row.error(), false;
          included = through.emplace(id.str(), *row && (*row)->size() == 8 ? read_be64(**row) : 0).first;
        }
        if (position <= included->second) return true;
        if (auto replayed = replay(id, position, bytes); !replayed) {
          broken = fail(Errc::corrupt, "journal record " + std::to_string(position) + ": " + replayed.error().detail);
        }
        return !broken;
      });
  if (broken) return *broken;
  return read;
}

Result<void> Ledgers::replay(const AccountId& account, Position position, std::string_view bytes) {
  auto record = decode_ledger_record(bytes);
  if (!record) return record.error();
  const auto known = cached(account);
  if (!known) return known.error();
  --(*known)->in_use;
  auto state = decode_ledger_state(record->state);
  if (!state) return state.error();
  state->holds = std::move((*known)->state.holds);
  state->hold_expiries = std::move((*known)->state.hold_expiries);
  for (const auto& [number, row] : record->holds) {
    auto hold = decode_hold(row);
    if (!hold) return hold.error();
    state->hold_expiries.erase({hold->expires_at, number});
    const bool was_open = state->holds.erase(number) > 0;
    stats_.replayed(was_open, hold->status == HoldStatus::open);
    if (hold->status == HoldStatus::open) add_hold(*state, std::move(*hold));
  }
  (*known)->state = std::move(*state);
  (*known)->committed = record->state;
  set_due(account, (*known)->state.due_at);
  tail_.publish(account, std::move(*record), position);
  return {};
}

Ledgers::Stripe& Ledgers::stripe_of(const AccountId& account) const {
  return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
}

// A state that is not cached has nothing on its way or behind, so the rows have all of it.
Result<LedgerState> Ledgers::load(const AccountId& account) const {
  const auto row = store_.get(Table::ledger, account, "");
  if (!row) return row.error();
  if (!*row) return LedgerState{};
  auto state = decode_ledger_state(**row);
  if (!state) return state;
  std::vector<std::string> open;
  auto scanned = store_.scan(Table::open_hold, account, {}, [&](std::string_view key, std::string_view) {
    open.emplace_back(key);
    return true;
  });
  if (!scanned) return scanned.error();
  if (open.empty()) return state;
  const auto rows = store_.get_many(Table::hold, account, open);
  if (!rows) return rows.error();
  for (const auto& hold_row : *rows) {
    if (!hold_row) return fail(Errc::corrupt, "an open hold of " + account.str() + " has no row");
    auto hold = decode_hold(*hold_row);
    if (!hold) return hold.error();
    add_hold(*state, std::move(*hold));
  }
  return state;
}

// The caller uses it from here on.
Result<std::shared_ptr<Ledgers::Cached>> Ledgers::cached(const AccountId& account) {
  Stripe& stripe = stripe_of(account);
  {
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(account);
    if (found != stripe.accounts.end()) {
      ++found->second->in_use;
      return found->second;
    }
  }
  auto state = load(account);
  if (!state) return state.error();
  auto made = std::make_shared<Cached>();
  made->committed = encode(*state);
  made->state = std::move(*state);
  made->in_use = 1;
  const std::lock_guard lock(stripe.mutex);
  // A few more than come, so that the bound is reached again after many were in use at once.
  std::size_t looked_at = 0;
  while (stripe.accounts.size() >= options_.cached_accounts_max / stripes_.size() && !stripe.order.empty() &&
         looked_at++ < 64) {
    AccountId oldest = std::move(stripe.order.front());
    stripe.order.pop_front();
    const auto old = stripe.accounts.find(oldest);
    if (old->second->in_use == 0 && tail_.is_written(oldest)) {
      stripe.accounts.erase(old);
    } else {
      stripe.order.push_back(std::move(oldest));
    }
  }
  stripe.accounts.emplace(account, made);
  stripe.order.push_back(account);
  return made;
}

std::size_t Ledgers::cached_accounts() {
  std::size_t count = 0;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    count += stripe.accounts.size();
  }
  return count;
}

Result<void> Ledgers::change(AccountTx& tx, const Work& work) {
  if (!tx.writable()) return fail(Errc::exhausted, "the disk is nearly full; the server is read-only");
  const auto known = cached(tx.account());
  if (!known) return known.error();
  if ((*known)->terms) {
    decide(tx, *known, *(*known)->terms, work);
    return {};
  }
  const auto account = accounts_(tx.account());
  decide(tx, *known, account ? ledger_terms(*account) : LedgerTerms{}, work);
  return {};
}

Result<void> Ledgers::change_terms(AccountTx& tx, const LedgerTerms& terms, const Work& work) {
  if (auto until_now = change(tx, [](Ledger&) {}); !until_now) return until_now;
  const auto known = cached(tx.account());
  if (!known) return known.error();
  (*known)->terms = terms;
  decide(tx, *known, terms, work);
  return {};
}

void Ledgers::decide(AccountTx& tx, const std::shared_ptr<Cached>& used, const LedgerTerms& terms, const Work& work) {
  const auto due_before = used->state.due_at;
  Ledger ledger(tx.account(), used->state, terms, clock_.now(), sha256);
  work(ledger);
  const LedgerChanges changes = ledger.finish();
  if (changes.changed) {
    write(tx, used, changes);
    if (outbox_) outbox_(tx, changes);
  }
  const bool due_changed = used->state.due_at != due_before;
  tx.on_commit([this, used, due_changed, due_at = used->state.due_at, id = tx.account()](Position) {
    --used->in_use;
    if (due_changed) set_due(id, due_at);
  });
}

void Ledgers::write(AccountTx& tx, const std::shared_ptr<Cached>& used, const LedgerChanges& changes) {
  stats_.count(changes);
  auto record = std::make_shared<LedgerRecord>();
  record->state = encode(used->state);
  if (!changes.entries.empty()) {
    record->entries = encode(changes.entries);
    record->first_entry = changes.entries.front().seq;
    record->last_entry = changes.entries.back().seq;
  }
  for (const Lot& lot : changes.lots) record->lots.emplace_back(lot.number, encode(lot));
  Stripe& stripe = stripe_of(tx.account());
  if (!changes.holds.empty()) {
    const std::lock_guard lock(stripe.mutex);
    for (const Hold& hold : changes.holds) {
      record->holds.emplace_back(hold.number, encode(hold));
      Cached::OnTheWay& on_the_way = used->holds[hold.number];
      on_the_way.hold = hold;
      ++on_the_way.commands;
    }
  }
  const std::size_t nth = tx.append(encode(*record));
  tx.on_commit([this, used, record, nth, &stripe, id = tx.account()](Position first) {
    std::vector<std::uint64_t> holds;
    for (const auto& [number, row] : record->holds) holds.push_back(number);
    std::string state = record->state;
    tail_.publish(id, std::move(*record), first + nth);
    const std::lock_guard lock(stripe.mutex);
    used->committed = std::move(state);
    for (const std::uint64_t number : holds) {
      const auto found = used->holds.find(number);
      if (--found->second.commands == 0) used->holds.erase(found);
    }
  });
}

Result<Hold> Ledgers::hold_in(AccountTx& tx, std::uint64_t number) const {
  {
    Stripe& stripe = stripe_of(tx.account());
    const std::lock_guard lock(stripe.mutex);
    const auto account = stripe.accounts.find(tx.account());
    if (account != stripe.accounts.end()) {
      const auto found = account->second->holds.find(number);
      if (found != account->second->holds.end()) return found->second.hold;
    }
  }
  return hold(tx.account(), number);
}

void Ledgers::post(const AccountId& account, Work work, Done done) {
  writer_.post(
      account, [this, work = std::move(work)](AccountTx& tx) { return change(tx, work); }, Durability::synced,
      std::move(done));
}

void Ledgers::read(const AccountId& account, std::function<void(Result<LedgerState>)> then) {
  const auto stored = [this, account]() -> Result<LedgerState> {
    const auto bytes = committed_state(account);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return LedgerState{};
    return decode_ledger_state(*bytes);
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

Result<LedgerState> Ledgers::state_in(const Rows& settled, const AccountId& account) {
  const auto row = settled.get(Table::ledger, account, "");
  if (!row) return row.error();
  if (!*row) return LedgerState{};
  return decode_ledger_state(**row);
}

Result<void> Ledgers::bring_up_to_date(std::span<const AccountId> accounts) {
  std::vector<AccountId> due;
  {
    const UtcTime now = clock_.now();
    const std::lock_guard lock(due_mutex_);
    for (const AccountId& account : accounts) {
      const auto known = due_.due_at(account);
      if (known && *known <= now) due.push_back(account);
    }
  }
  // The states are the last ones, so each tells of all that was committed.
  std::vector<std::promise<Result<void>>> done(due.size());
  for (std::size_t i = 0; i < due.size(); ++i)
    read(due[i], [&told = done[i]](const Result<LedgerState>& state) {
      told.set_value(state ? Result<void>() : state.error());
    });
  Result<void> outcome;
  for (auto& told : done) {
    if (auto read = told.get_future().get(); !read) outcome = std::move(read);
  }
  return outcome;
}

// An account with something behind its rows is always cached.
Result<std::string> Ledgers::committed_state(const AccountId& account) const {
  {
    Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(account);
    if (found != stripe.accounts.end()) return found->second->committed;
  }
  auto row = store_.get(Table::ledger, account, "");
  if (!row) return row.error();
  return row->value_or("");
}

void Ledgers::set_due(const AccountId& account, std::optional<UtcTime> due_at) {
  const std::lock_guard lock(due_mutex_);
  due_.set(account, due_at);
}

void Ledgers::tick() {
  tail_.tick();
  const UtcTime now = clock_.now();
  std::vector<AccountId> ready;
  {
    const std::lock_guard lock(due_mutex_);
    ready = due_.due(now, options_.due_at_once_max);
  }
  for (const AccountId& account : ready)
    post(
        account, [](Ledger&) {}, nullptr);
}

}  // namespace tally::storage
