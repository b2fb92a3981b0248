#include "storage/ledger_tail.h"

#include <algorithm>
#include <limits>

#include "core/codec.h"
#include "core/ledger.h"

namespace tally::storage {

namespace {

// A row is read whole to find one entry.
constexpr std::size_t blocks_per_row_max = 256;

std::string number_key(std::uint64_t number) {
  std::string key;
  append_be64(key, number);
  return key;
}

}  // namespace

LedgerTail::LedgerTail(Store& store, Writer& writer, const Clock& clock, LedgerTailOptions options)
    : store_(store), writer_(writer), clock_(clock), options_(options) {}

LedgerTail::~LedgerTail() = default;

LedgerTail::Stripe& LedgerTail::stripe_of(const AccountId& account) const {
  return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
}

void LedgerTail::Unwritten::add(LedgerRecord record, Position position) {
  if (changes == 0) first = position;
  ++changes;
  through = position;
  state = std::move(record.state);
  if (!record.entries.empty()) {
    if (entries.empty()) first_entry = record.first_entry;
    if (entries.empty() || entries.back().blocks >= blocks_per_row_max) entries.emplace_back();
    append_entries(entries.back().bytes, record.entries);
    entries.back().last_entry = record.last_entry;
    ++entries.back().blocks;
  }
  for (auto& [number, row] : record.lots) lots.insert_or_assign(number, std::move(row));
  for (auto& [number, row] : record.holds) holds.insert_or_assign(number, std::move(row));
}

void LedgerTail::publish(const AccountId& account, LedgerRecord record, Position position) {
  bool newly_dirty = false;
  bool large = false;
  {
    Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    Account& kept = stripe.accounts[account];
    newly_dirty = kept.fresh.changes == 0;
    if (newly_dirty) kept.dirty_since_ms = clock_.now().ms();
    kept.fresh.add(std::move(record), position);
    large = kept.fresh.changes > options_.unwritten_changes_per_account_max && !kept.write_posted;
  }
  last_published_ = position;
  ++fresh_changes_;
  if (newly_dirty) {
    const std::lock_guard lock(order_mutex_);
    order_.push_back(account);
  }
  if (large) write(account);
}

std::optional<std::string> LedgerTail::state(const AccountId& account) const {
  const Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.accounts.find(account);
  if (found == stripe.accounts.end()) return std::nullopt;
  if (found->second.fresh.changes > 0) return found->second.fresh.state;
  if (found->second.writing) return found->second.writing->state;
  return std::nullopt;
}

std::optional<std::string> LedgerTail::hold(const AccountId& account, std::uint64_t number) const {
  const Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.accounts.find(account);
  if (found == stripe.accounts.end()) return std::nullopt;
  for (const Unwritten* part : {&found->second.fresh, found->second.writing.get()}) {
    if (part == nullptr) continue;
    const auto row = part->holds.find(number);
    if (row != part->holds.end()) return row->second;
  }
  return std::nullopt;
}

LedgerTail::Part LedgerTail::part(const AccountId& account) const {
  Part part;
  const Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.accounts.find(account);
  if (found == stripe.accounts.end()) return part;
  for (const Unwritten* unwritten : {found->second.writing.get(), const_cast<const Unwritten*>(&found->second.fresh)}) {
    if (unwritten == nullptr) continue;
    if (part.first_entry == 0) part.first_entry = unwritten->first_entry;
    for (const EntryRow& row : unwritten->entries) part.entries.push_back(row.bytes);
    for (const auto& [number, row] : unwritten->lots) part.lots.insert_or_assign(number, row);
  }
  return part;
}

bool LedgerTail::is_written(const AccountId& account) const {
  const Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  return !stripe.accounts.contains(account);
}

void LedgerTail::write(const AccountId& account) {
  {
    Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(account);
    if (found == stripe.accounts.end() || found->second.write_posted) return;
    found->second.write_posted = true;
  }
  auto taken = std::make_shared<std::shared_ptr<const Unwritten>>();
  writer_.post(
      account,
      [this, taken](AccountTx& tx) -> Result<void> {
        {
          Stripe& stripe = stripe_of(tx.account());
          const std::lock_guard lock(stripe.mutex);
          Account& kept = stripe.accounts[tx.account()];
          kept.writing = std::make_shared<Unwritten>(std::exchange(kept.fresh, {}));
          *taken = kept.writing;
        }
        fresh_changes_ -= (*taken)->changes;
        write_rows(tx, **taken);
        tx.on_commit([this, account = tx.account()](Position) { written(account); });
        return {};
      },
      Durability::relaxed,
      [this, account, taken](const Result<void>& result) {
        if (!result) refused(account, *taken);
      });
}

void LedgerTail::write_rows(AccountTx& tx, const Unwritten& unwritten) const {
  if (unwritten.changes == 0) return;
  tx.put(Table::ledger, "", unwritten.state);
  for (const EntryRow& row : unwritten.entries) tx.put(Table::ledger_entry, number_key(row.last_entry), row.bytes);
  for (const auto& [number, row] : unwritten.lots) tx.put(Table::lot, number_key(number), row);
  for (const auto& [number, row] : unwritten.holds) {
    const auto hold = decode_hold(row);
    if (hold && hold->status == HoldStatus::open) {
      tx.put(Table::open_hold, number_key(number), "");
    } else {
      tx.erase(Table::open_hold, number_key(number));
    }
    tx.put(Table::hold, number_key(number), row);
  }
  tx.put(Table::meter, std::string(ledger_through_key), number_key(unwritten.through));
}

void LedgerTail::written(const AccountId& account) {
  bool dirty_again = false;
  bool large = false;
  {
    Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(account);
    Account& kept = found->second;
    kept.writing.reset();
    kept.write_posted = false;
    dirty_again = kept.fresh.changes > 0;
    large = kept.fresh.changes > options_.unwritten_changes_per_account_max;
    if (!dirty_again) stripe.accounts.erase(found);
  }
  if (large) return write(account);
  if (!dirty_again) return;
  const std::lock_guard lock(order_mutex_);
  order_.push_back(account);
}

// The disk is nearly full: the rows stay in memory and the journal keeps them safe.
void LedgerTail::refused(const AccountId& account, const std::shared_ptr<const Unwritten>& unwritten) {
  Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.accounts.find(account);
  if (found == stripe.accounts.end()) return;
  Account& kept = found->second;
  kept.write_posted = false;
  if (unwritten) {
    Unwritten merged = *unwritten;
    Unwritten later = std::exchange(kept.fresh, {});
    if (later.changes > 0) {
      merged.state = std::move(later.state);
      if (merged.entries.empty()) merged.first_entry = later.first_entry;
      std::move(later.entries.begin(), later.entries.end(), std::back_inserter(merged.entries));
      for (auto& [number, row] : later.lots) merged.lots.insert_or_assign(number, std::move(row));
      for (auto& [number, row] : later.holds) merged.holds.insert_or_assign(number, std::move(row));
      merged.changes += later.changes;
      merged.through = later.through;
    }
    kept.fresh = std::move(merged);
    kept.writing.reset();
    fresh_changes_ += unwritten->changes;
  }
  const std::lock_guard order_lock(order_mutex_);
  order_.push_back(account);
}

// Accounts that have waited since `due_ms` or longer, and more of them while too much is in memory.
void LedgerTail::write_waiting(std::int64_t due_ms) {
  std::uint64_t planned = 0;
  std::size_t left = 0;
  {
    const std::lock_guard lock(order_mutex_);
    left = order_.size();
  }
  for (; left > 0; --left) {
    AccountId account;
    {
      const std::lock_guard lock(order_mutex_);
      if (order_.empty()) return;
      account = order_.front();
    }
    bool wanted = false;
    {
      const Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      const auto found = stripe.accounts.find(account);
      // An account that is being written comes back to the queue when that is done.
      if (found != stripe.accounts.end() && found->second.fresh.changes > 0 && !found->second.write_posted) {
        wanted = true;
        if (found->second.dirty_since_ms > due_ms && fresh_changes_ <= options_.unwritten_changes_max + planned) return;
        planned += found->second.fresh.changes;
      }
    }
    {
      const std::lock_guard lock(order_mutex_);
      order_.pop_front();
    }
    if (wanted) write(account);
  }
}

void LedgerTail::tick() {
  write_waiting(clock_.now().ms() - options_.write_after_ms);
}

void LedgerTail::write_all() {
  write_waiting(std::numeric_limits<std::int64_t>::max());
}

std::optional<Position> LedgerTail::oldest() const {
  std::optional<Position> oldest;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    for (const auto& [account, kept] : stripe.accounts) {
      for (const Unwritten* part : {&kept.fresh, kept.writing.get()}) {
        if (part != nullptr && part->changes > 0) oldest = std::min(oldest.value_or(part->first), part->first);
      }
    }
  }
  return oldest;
}

}  // namespace tally::storage
