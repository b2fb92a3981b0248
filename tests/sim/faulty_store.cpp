#include "tests/sim/faulty_store.h"

namespace tally::sim {

using namespace storage;

FaultyStore::FaultyStore(Random& random, CommitFaults faults)
    : random_(random),
      faults_(faults),
      durable_(std::make_unique<MemoryStore>()),
      live_(std::make_unique<MemoryStore>()) {}

FaultyStore::~FaultyStore() = default;

Result<Position> FaultyStore::commit(std::span<const Batch> batches, Durability durability) {
  if (doubtful_) return fail(Errc::unavailable, "an earlier commit failed");
  const std::uint64_t dice = random_.below(1000);
  if (dice < faults_.fail_before) {
    doubtful_ = true;
    return fail(Errc::unavailable, "injected: not applied");
  }
  auto position = live_->commit(batches, durability);
  if (!position) return position;
  unsynced_.emplace_back(batches.begin(), batches.end());
  if (dice < faults_.fail_before + faults_.fail_after) {
    doubtful_ = doubtful_applied_ = true;
    return fail(Errc::unavailable, "injected: applied");
  }
  if (durability == Durability::synced) make_durable(unsynced_.size());
  return position;
}

Result<void> FaultyStore::sync() {
  if (doubtful_) return fail(Errc::unavailable, "an earlier commit failed");
  make_durable(unsynced_.size());
  return {};
}

void FaultyStore::crash() {
  restart(random_.below(unsynced_.size() + 1));
}

void FaultyStore::kill() {
  restart(unsynced_.size() - (doubtful_applied_ ? random_.below(2) : 0));
}

void FaultyStore::restart(std::size_t kept) {
  make_durable(kept);
  live_ = durable_->clone();
  doubtful_ = doubtful_applied_ = false;
}

void FaultyStore::make_durable(std::size_t groups) {
  for (std::size_t i = 0; i < groups; ++i) {
    // The same group was applied to the same rows before.
    (void)durable_->commit(unsynced_[i], Durability::synced).value();
  }
  unsynced_.clear();
}

Result<std::optional<std::string>> FaultyStore::get(Table table, const AccountId& account, std::string_view key) const {
  return live_->get(table, account, key);
}

Result<std::vector<std::optional<std::string>>> FaultyStore::get_many(Table table, const AccountId& account,
                                                                      std::span<const std::string> keys) const {
  return live_->get_many(table, account, keys);
}

Result<void> FaultyStore::scan(Table table, const AccountId& account, const ScanRange& range,
                               const RowVisitor& visit) const {
  return live_->scan(table, account, range, visit);
}

Result<void> FaultyStore::scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const {
  return live_->scan_all(table, from_account, visit);
}

Result<void> FaultyStore::read_journal(Position from, const JournalVisitor& visit) const {
  return live_->read_journal(from, visit);
}

}  // namespace tally::sim
