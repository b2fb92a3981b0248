#include "tests/sim/canary.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tally::sim {

using namespace storage;

namespace {

void copy(const Batch::Op& op, Batch& to) {
  switch (op.kind) {
    case Batch::Kind::put:
      return to.put(op.table, op.key, op.value);
    case Batch::Kind::erase:
      return to.erase(op.table, op.key);
    case Batch::Kind::add:
      return to.add(op.table, op.key, op.value);
  }
}

bool makes_jobs(std::span<const Batch> batches) {
  return std::ranges::any_of(batches, [](const Batch& batch) {
    return std::ranges::any_of(batch.ops(), [](const Batch::Op& op) { return op.table == Table::job; });
  });
}

// Shows a command the job as if the lease were still the finishing worker's, and stores it under the true token.
class UnfencedTx final : public AccountTx {
 public:
  UnfencedTx(AccountTx& next, const Job& finishing) : next_(next), finishing_(finishing) {}

  const AccountId& account() const override { return next_.account(); }
  bool writable() const override { return next_.writable(); }
  Result<std::optional<std::string>> get(Table table, std::string_view key) override {
    auto row = next_.get(table, key);
    if (!row || !*row || table != Table::job || key != finishing_.id.str()) return row;
    Job job = decode_job(**row).value();
    true_token_ = job.token;
    if (job.status == JobStatus::processing) job.token = finishing_.token;
    return std::optional<std::string>(encode(job));
  }
  void put(Table table, std::string key, std::string value) override {
    if (table == Table::job && key == finishing_.id.str()) {
      Job job = decode_job(value).value();
      job.token = true_token_;
      value = encode(job);
    }
    next_.put(table, std::move(key), std::move(value));
  }
  void erase(Table table, std::string key) override { next_.erase(table, std::move(key)); }
  void add(Table table, std::string key, std::string delta) override {
    next_.add(table, std::move(key), std::move(delta));
  }
  std::size_t append(std::string record) override { return next_.append(std::move(record)); }
  void on_commit(std::function<void(Position)> action) override { next_.on_commit(std::move(action)); }

 private:
  AccountTx& next_;
  const Job& finishing_;
  std::uint64_t true_token_ = 0;
};

}  // namespace

std::string_view to_string(Canary canary) noexcept {
  switch (canary) {
    case Canary::none:
      return "none";
    case Canary::acknowledges_before_sync:
      return "acknowledges_before_sync";
    case Canary::drops_dedup_rows:
      return "drops_dedup_rows";
    case Canary::forgets_what_was_flushed:
      return "forgets_what_was_flushed";
    case Canary::tears_batches:
      return "tears_batches";
    case Canary::ignores_fencing:
      return "ignores_fencing";
    case Canary::forgets_due_times:
      return "forgets_due_times";
  }
  return "unknown";
}

Result<Position> CanaryStore::commit(std::span<const Batch> batches, Durability durability) {
  switch (canary_) {
    case Canary::none:
    case Canary::ignores_fencing:
      break;
    case Canary::acknowledges_before_sync:
      return ForwardingStore::commit(batches, Durability::relaxed);
    case Canary::drops_dedup_rows:
      return commit_without(Table::dedup, batches, durability);
    case Canary::forgets_what_was_flushed:
      return commit_without(Table::meter, batches, durability);
    case Canary::tears_batches:
      return commit_in_two(batches, durability);
    case Canary::forgets_due_times:
      return makes_jobs(batches) ? commit_without(Table::schedule, batches, durability)
                                 : ForwardingStore::commit(batches, durability);
  }
  return ForwardingStore::commit(batches, durability);
}

Result<Position> CanaryStore::commit_without(Table table, std::span<const Batch> batches, Durability durability) {
  std::vector<Batch> kept;
  for (const Batch& batch : batches) {
    Batch& rest = kept.emplace_back(batch.account());
    for (const Batch::Op& op : batch.ops()) {
      if (op.table != table) copy(op, rest);
    }
    for (const std::string& record : batch.records()) rest.append(record);
  }
  return ForwardingStore::commit(kept, durability);
}

Result<Position> CanaryStore::commit_in_two(std::span<const Batch> batches, Durability durability) {
  std::vector<Batch> first;
  std::vector<Batch> second;
  for (const Batch& batch : batches) {
    first.emplace_back(batch.account());
    second.emplace_back(batch.account());
    std::size_t count = 0;
    for (const Batch::Op& op : batch.ops()) copy(op, count++ < batch.ops().size() / 2 ? first.back() : second.back());
    for (const std::string& record : batch.records()) first.back().append(record);
  }
  auto position = ForwardingStore::commit(first, durability);
  if (!position) return position;
  const auto rest = ForwardingStore::commit(second, durability);
  return rest ? position : rest;
}

void CanaryWriter::post(AccountId account, Command command, Durability durability, Done done) {
  if (!finishing_) return next_.post(std::move(account), std::move(command), durability, std::move(done));
  auto unfenced = [finishing = *std::exchange(finishing_, {}), command = std::move(command)](AccountTx& tx) {
    UnfencedTx shown(tx, finishing);
    return command(shown);
  };
  next_.post(std::move(account), std::move(unfenced), durability, std::move(done));
}

}  // namespace tally::sim
