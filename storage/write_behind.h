// Figures that are committed in the journal and follow into their rows later, an account at a time.
//
// `T` is what of one account is not in its rows yet. It has
//   Position first, through;   // the journal records that it includes
//   bool empty() const; std::size_t size() const;
//   void append(T later);      // `later` follows on this one
// A write takes all that is fresh of an account, posts its rows as one relaxed command, and forgets it when that is
// committed; meanwhile readers find it as `writing`.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/clock.h"
#include "storage/writer.h"

namespace tally::storage {

struct WriteBehindOptions {
  std::size_t unwritten_max = 131'072;            // summed sizes; past it the accounts that waited longest are written
  std::size_t unwritten_per_account_max = 4'096;  // bounds how long one account's write holds up the others
  std::int64_t write_after_ms = 2'000;            // an idle account is written after this time
};

// Thread-safe.
template <class T>
class WriteBehind {
 public:
  struct Kept {
    T fresh;
    std::shared_ptr<const T> writing;            // handed to the writer, maybe already committed
    std::shared_ptr<const Rows> before_writing;  // with `keeps_views`: a view without `writing`
    std::int64_t dirty_since_ms = 0;
    bool write_posted = false;
  };
  struct Hooks {
    std::function<void(AccountTx&, const T&)> write_rows;
    std::function<void(const AccountId&, const T&)> written;  // may be null; called when the rows are committed
    bool keeps_views = false;
  };

  WriteBehind(const Store& store, Writer& writer, const Clock& clock, WriteBehindOptions options, Hooks hooks)
      : store_(store), writer_(writer), clock_(clock), options_(options), hooks_(std::move(hooks)) {}

  // A record was committed at `position`: `change` adds it to what is fresh. In commit order, on the committer's thread
  // (or before any thread runs).
  template <class Change>
  void publish(const AccountId& account, Position position, Change change) {
    bool newly_dirty = false;
    bool large = false;
    std::size_t added = 0;
    {
      Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      Kept& kept = stripe.accounts[account];
      newly_dirty = kept.fresh.empty();
      if (newly_dirty) {
        kept.fresh.first = position;
        kept.dirty_since_ms = clock_.now().ms();
      }
      const std::size_t before = kept.fresh.size();
      change(kept.fresh);
      kept.fresh.through = position;
      added = kept.fresh.size() - before;
      large = kept.fresh.size() > options_.unwritten_per_account_max && !kept.write_posted;
    }
    last_published_ = position;
    fresh_ += added;
    if (newly_dirty) wait_in_line(account);
    if (large) write(account);
  }

  // Calls `look` with what is kept of the account, or null, while nothing of it changes.
  template <class Look>
  auto look(const AccountId& account, Look look) const {
    const Stripe& stripe = stripe_of(account);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.accounts.find(account);
    return look(found == stripe.accounts.end() ? nullptr : &found->second);
  }

  // Writes what has waited long enough, and more while too much is kept; call every 100 ms or so.
  void tick() { write_waiting(clock_.now().ms() - options_.write_after_ms); }
  // Posts writes for everything.
  void write_all() { write_waiting(std::numeric_limits<std::int64_t>::max()); }

  // The first record that is not in its rows; nothing: all are.
  std::optional<Position> oldest() const {
    std::optional<Position> oldest;
    for (const Stripe& stripe : stripes_) {
      const std::lock_guard lock(stripe.mutex);
      for (const auto& [account, kept] : stripe.accounts) {
        for (const T* part : {&kept.fresh, kept.writing.get()}) {
          if (part != nullptr && !part->empty()) oldest = std::min(oldest.value_or(part->first), part->first);
        }
      }
    }
    return oldest;
  }
  Position last_published() const noexcept { return last_published_; }
  std::uint64_t unwritten() const noexcept { return fresh_ + writing_; }

 private:
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<AccountId, Kept> accounts;
  };
  Stripe& stripe_of(const AccountId& account) const {
    return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
  }

  void wait_in_line(const AccountId& account) {
    const std::lock_guard lock(order_mutex_);
    order_.push_back(account);
  }

  void write(const AccountId& account) {
    {
      Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      const auto found = stripe.accounts.find(account);
      if (found == stripe.accounts.end() || found->second.write_posted) return;
      found->second.write_posted = true;
    }
    auto taken = std::make_shared<std::shared_ptr<const T>>();
    writer_.post(
        account,
        [this, taken](AccountTx& tx) -> Result<void> {
          *taken = take(tx.account());
          if (!(*taken)->empty()) hooks_.write_rows(tx, **taken);
          tx.on_commit([this, account = tx.account(), part = *taken](Position) { written(account, *part); });
          return {};
        },
        Durability::relaxed,
        [this, account, taken](const Result<void>& result) {
          if (!result) refused(account, *taken);
        });
  }

  std::shared_ptr<const T> take(const AccountId& account) {
    std::shared_ptr<const T> taken;
    {
      Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      Kept& kept = stripe.accounts[account];
      if (hooks_.keeps_views) kept.before_writing = store_.snapshot();
      taken = kept.writing = std::make_shared<T>(std::exchange(kept.fresh, {}));
    }
    fresh_ -= taken->size();
    writing_ += taken->size();
    return taken;
  }

  void written(const AccountId& account, const T& part) {
    if (hooks_.written) hooks_.written(account, part);
    bool dirty_again = false;
    bool large = false;
    std::shared_ptr<const Rows> old_view;  // let go outside the lock
    {
      Stripe& stripe = stripe_of(account);
      const std::lock_guard lock(stripe.mutex);
      const auto found = stripe.accounts.find(account);
      Kept& kept = found->second;
      kept.writing.reset();
      old_view = std::move(kept.before_writing);
      kept.write_posted = false;
      dirty_again = !kept.fresh.empty();
      large = kept.fresh.size() > options_.unwritten_per_account_max;
      if (!dirty_again) stripe.accounts.erase(found);
    }
    writing_ -= part.size();
    if (large) return write(account);
    if (dirty_again) wait_in_line(account);
  }

  // The disk is nearly full: the figures stay in memory and the journal keeps them safe.
  void refused(const AccountId& account, const std::shared_ptr<const T>& part) {
    Stripe& stripe = stripe_of(account);
    {
      const std::lock_guard lock(stripe.mutex);
      const auto found = stripe.accounts.find(account);
      if (found == stripe.accounts.end()) return;
      Kept& kept = found->second;
      kept.write_posted = false;
      if (part) {
        T merged = *part;
        if (!kept.fresh.empty()) merged.append(std::move(kept.fresh));
        kept.fresh = std::move(merged);
        kept.writing.reset();
        kept.before_writing.reset();
        fresh_ += part->size();
        writing_ -= part->size();
      }
    }
    wait_in_line(account);
  }

  // Accounts that have waited since `due_ms` or longer, and more of them while too much is kept.
  void write_waiting(std::int64_t due_ms) {
    std::uint64_t planned = 0;
    std::size_t left = 0;
    {
      const std::lock_guard lock(order_mutex_);
      left = order_.size();
    }
    // One round: an account whose write the writer refuses at once comes back to the end of the line.
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
        // An account that is being written comes back to the line when that is done.
        if (found != stripe.accounts.end() && !found->second.fresh.empty() && !found->second.write_posted) {
          wanted = true;
          if (found->second.dirty_since_ms > due_ms && fresh_ <= options_.unwritten_max + planned) return;
          planned += found->second.fresh.size();
        }
      }
      {
        const std::lock_guard lock(order_mutex_);
        order_.pop_front();
      }
      if (wanted) write(account);
    }
  }

  const Store& store_;
  Writer& writer_;
  const Clock& clock_;
  const WriteBehindOptions options_;
  const Hooks hooks_;
  mutable std::array<Stripe, 16> stripes_;

  std::mutex order_mutex_;
  std::deque<AccountId> order_;  // accounts with something fresh, the longest waiting first
  std::atomic<std::uint64_t> fresh_{0};
  std::atomic<std::uint64_t> writing_{0};
  std::atomic<Position> last_published_{0};
};

}  // namespace tally::storage
