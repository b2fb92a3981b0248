// A store whose commits fail and whose machine loses power, as a seed decides.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "storage/memory/memory_store.h"

namespace tally::sim {

// Of 1,000 commits, so many fail.
struct CommitFaults {
  std::uint32_t fail_before = 0;  // nothing was applied
  std::uint32_t fail_after = 0;   // all was applied
};

// Decorates the memory model. Both faults are answered Errc::unavailable; from then on every commit is refused, as the
// contract of Store says, until `crash`. For one thread.
class FaultyStore final : public storage::Store {
 public:
  FaultyStore(Random& random, CommitFaults faults);
  ~FaultyStore() override;

  // Loses power and starts again: synced commits stay; of what came after the last of them (relaxed commits, and one
  // whose outcome is unknown) a prefix stays that the dice choose. Snapshots taken before stay readable.
  void crash();
  // The process alone dies: only the commit whose outcome is unknown is left to the dice.
  void kill();

  void set_faults(CommitFaults faults) { faults_ = faults; }
  void set_writable(bool writable) { writable_ = writable; }
  // True between a failed commit and the next crash or kill.
  bool doubtful() const { return doubtful_; }

  Result<std::optional<std::string>> get(storage::Table table, const AccountId& account,
                                         std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> get_many(storage::Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override;
  Result<void> scan(storage::Table table, const AccountId& account, const storage::ScanRange& range,
                    const storage::RowVisitor& visit) const override;
  Result<void> scan_all(storage::Table table, const AccountId& from_account,
                        const storage::AccountRowVisitor& visit) const override;
  Result<storage::Position> commit(std::span<const storage::Batch> batches, storage::Durability durability) override;
  Result<void> sync() override;
  Result<void> read_journal(storage::Position from, const storage::JournalVisitor& visit) const override;
  storage::Position next_position() const override { return live_->next_position(); }
  std::shared_ptr<const storage::Rows> snapshot() const override { return live_->snapshot(); }
  bool writable() const override { return writable_ && !doubtful_; }
  std::uint64_t size_bytes() const override { return live_->size_bytes(); }

 private:
  using Group = std::vector<storage::Batch>;
  void make_durable(std::size_t groups);
  void restart(std::size_t kept);

  Random& random_;
  CommitFaults faults_;
  std::unique_ptr<storage::MemoryStore> durable_;  // what a power loss leaves for sure
  std::unique_ptr<storage::MemoryStore> live_;     // durable_ and then unsynced_
  std::vector<Group> unsynced_;
  bool doubtful_ = false;
  bool doubtful_applied_ = false;  // the last of unsynced_ is the commit that failed
  bool writable_ = true;
};

}  // namespace tally::sim
