// Planted bugs: each breaks one promise on purpose, from outside the production code, and the simulation must notice.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/job.h"
#include "storage/writer.h"
#include "tests/sim/forwarding_store.h"

namespace tally::sim {

enum class Canary : std::uint8_t {
  none,
  acknowledges_before_sync,  // what must survive power loss is only handed to the operating system
  drops_dedup_rows,          // the fingerprints of flushed events are not stored
  forgets_what_was_flushed,  // the row that says which events the rollups include is not stored
  tears_batches,             // an account's changes reach the disk in two pieces
  ignores_fencing,           // a worker whose lease went to another one still finishes the job
  forgets_due_times,         // a due time's job is stored, and not that the due time is over
};
inline constexpr Canary all_canaries[] = {Canary::acknowledges_before_sync, Canary::drops_dedup_rows,
                                          Canary::forgets_what_was_flushed, Canary::tears_batches,
                                          Canary::ignores_fencing,          Canary::forgets_due_times};
std::string_view to_string(Canary canary) noexcept;

// The canaries that live between the writer and the disk.
class CanaryStore final : public ForwardingStore {
 public:
  CanaryStore(storage::Store& next, Canary canary) : ForwardingStore(next), canary_(canary) {}
  Result<storage::Position> commit(std::span<const storage::Batch> batches, storage::Durability durability) override;

 private:
  Result<storage::Position> commit_without(storage::Table table, std::span<const storage::Batch> batches,
                                           storage::Durability durability);
  Result<storage::Position> commit_in_two(std::span<const storage::Batch> batches, storage::Durability durability);

  Canary canary_;
};

// The canary that lives between the queue and the writer.
class CanaryWriter final : public storage::Writer {
 public:
  CanaryWriter(storage::Writer& next, Canary canary) : next_(next), canary_(canary) {}
  void post(AccountId account, storage::Command command, storage::Durability durability, storage::Done done) override;

  // The next post comes from this worker, which is done with its job.
  void finishing(const Job& job) {
    if (canary_ == Canary::ignores_fencing) finishing_ = job;
  }

 private:
  storage::Writer& next_;
  Canary canary_;
  std::optional<Job> finishing_;
};

}  // namespace tally::sim
