// A store that hands everything on to another one, for decorators that change a little of it.
#pragma once

#include <functional>
#include <utility>

#include "storage/store.h"

namespace tally::sim {

class ForwardingStore : public storage::Store {
 public:
  explicit ForwardingStore(storage::Store& next) : next_(next) {}

  Result<std::optional<std::string>> get(storage::Table table, const AccountId& account,
                                         std::string_view key) const override {
    return next_.get(table, account, key);
  }
  Result<std::vector<std::optional<std::string>>> get_many(storage::Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override {
    return next_.get_many(table, account, keys);
  }
  Result<void> scan(storage::Table table, const AccountId& account, const storage::ScanRange& range,
                    const storage::RowVisitor& visit) const override {
    return next_.scan(table, account, range, visit);
  }
  Result<void> scan_all(storage::Table table, const AccountId& from_account,
                        const storage::AccountRowVisitor& visit) const override {
    return next_.scan_all(table, from_account, visit);
  }
  Result<storage::Position> commit(std::span<const storage::Batch> batches, storage::Durability durability) override {
    return next_.commit(batches, durability);
  }
  Result<void> sync() override { return next_.sync(); }
  Result<void> read_journal(storage::Position from, const storage::JournalVisitor& visit) const override {
    return next_.read_journal(from, visit);
  }
  storage::Position next_position() const override { return next_.next_position(); }
  std::shared_ptr<const storage::Rows> snapshot() const override { return next_.snapshot(); }
  bool writable() const override { return next_.writable(); }
  std::uint64_t size_bytes() const override { return next_.size_bytes(); }

 private:
  storage::Store& next_;
};

// The store as one process sees it: once the process is dead, nothing of it reaches the disk.
class MortalStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void die() noexcept { dead_ = true; }
  // Called before each write and after it, while nobody has been told of it yet.
  void on_write(std::function<void()> observe) { observe_ = std::move(observe); }

  Result<storage::Position> commit(std::span<const storage::Batch> batches, storage::Durability durability) override {
    if (dead_) return fail(Errc::unavailable, "the process is dead");
    ++commits_;
    if (observe_) observe_();
    auto position = ForwardingStore::commit(batches, durability);
    if (observe_ && position) observe_();
    return position;
  }
  std::uint64_t commits() const noexcept { return commits_; }

 private:
  bool dead_ = false;
  std::uint64_t commits_ = 0;
  std::function<void()> observe_;
};

}  // namespace tally::sim
