#include "storage/account_writer.h"

#include <algorithm>
#include <cassert>
#include <list>
#include <unordered_map>

namespace tally::storage {

namespace {

struct Posted {
  AccountId account;
  Command command;
  Durability durability;
  Done done;
};

std::string row_name(Table table, const AccountId& account, std::string_view key) {
  std::string name;
  name.reserve(2 + account.str().size() + key.size());
  name.push_back(static_cast<char>(table));
  name.append(account.str()).push_back('\0');
  name.append(key);
  return name;
}

// Tables that commands read. What commands write into the others need not be kept for them, which spares the larger
// part: the ledger's and the rollups' rows, results and bodies.
bool is_read_by_commands(Table table) {
  switch (table) {
    case Table::meta:
    case Table::account:
    case Table::credential:
    case Table::job:
    case Table::delivery:
    case Table::open_delivery:
    case Table::idempotency:
    case Table::reversal:
    case Table::webhook:
    case Table::login:
    case Table::session:
    case Table::delivery_attempts:
    case Table::schedule:
      return true;
    default:
      return false;
  }
}

}  // namespace

// What a command did, on its way to the disk and back to its caller.
struct AccountWriter::Item {
  Shard* shard;
  std::uint64_t round;
  Batch batch;
  std::size_t records;  // journal positions it owns
  Durability durability;
  Result<void> result;
  std::vector<std::function<void(Position)>> on_commit;
  Done done;
};

// Rows that commands wrote. Those that are not committed yet must be visible to the commands after them; the latest of
// the others are kept because a row that was just written is the likely next to be read.
class AccountWriter::Shard {
 public:
  explicit Shard(std::size_t kept_row_bytes) : kept_row_bytes_(kept_row_bytes) {}

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Posted> posted;
  bool closing = false;

  std::atomic<std::uint64_t> committed_round{0};

  // Only for the thread that runs the shard.
  std::uint64_t round = 0;

  // Null: not here. An empty value: erased.
  const std::optional<std::string>* written(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second->value;
  }
  void remember(std::string name, std::optional<std::string> value) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      const auto row = found->second;
      bytes_ -= size_of(*row);
      row->value = std::move(value);
      row->round = round;
      rows_.splice(rows_.end(), rows_, row);
    } else {
      rows_.push_back({std::move(name), std::move(value), round});
      by_name_.emplace(rows_.back().name, std::prev(rows_.end()));
    }
    bytes_ += size_of(rows_.back());
  }
  void forget_committed() {
    const std::uint64_t committed = committed_round.load(std::memory_order_acquire);
    while (bytes_ > kept_row_bytes_ && rows_.front().round <= committed) {
      bytes_ -= size_of(rows_.front());
      by_name_.erase(rows_.front().name);
      rows_.pop_front();
    }
  }

 private:
  struct Row {
    std::string name;
    std::optional<std::string> value;
    std::uint64_t round;
  };
  static std::size_t size_of(const Row& row) noexcept {
    constexpr std::size_t overhead = 160;
    return overhead + row.name.size() + (row.value ? row.value->size() : 0);
  }

  const std::size_t kept_row_bytes_;
  std::size_t bytes_ = 0;
  std::list<Row> rows_;                                                     // the latest written last
  std::unordered_map<std::string_view, std::list<Row>::iterator> by_name_;  // views into the rows' names
};

class AccountWriter::Tx final : public AccountTx {
 public:
  Tx(Store& store, Shard& shard, AccountId account, bool writable)
      : store_(store), shard_(shard), batch_(std::move(account)), writable_(writable) {}

  const AccountId& account() const override { return batch_.account(); }
  bool writable() const override { return writable_; }

  Result<std::optional<std::string>> get(Table table, std::string_view key) override {
    assert(is_read_by_commands(table));
    const auto& ops = batch_.ops();
    for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
      if (op->table != table || op->key != key || op->kind == Batch::Kind::add) continue;
      if (op->kind == Batch::Kind::erase) return std::optional<std::string>{};
      return std::optional<std::string>{op->value};
    }
    if (const auto* written = shard_.written(row_name(table, account(), key))) return *written;
    return store_.get(table, account(), key);
  }

  void put(Table table, std::string key, std::string value) override {
    grows_ = true;
    batch_.put(table, std::move(key), std::move(value));
  }
  void erase(Table table, std::string key) override { batch_.erase(table, std::move(key)); }
  void add(Table table, std::string key, std::string delta) override {
    grows_ = true;
    batch_.add(table, std::move(key), std::move(delta));
  }
  std::size_t append(std::string record) override {
    grows_ = true;
    batch_.append(std::move(record));
    return batch_.records().size() - 1;
  }
  void on_commit(std::function<void(Position)> action) override { on_commit_.push_back(std::move(action)); }

  bool grows() const noexcept { return grows_; }
  Batch take_batch() {
    for (const Batch::Op& op : batch_.ops()) {
      if (op.kind == Batch::Kind::add || !is_read_by_commands(op.table)) continue;
      shard_.remember(row_name(op.table, account(), op.key),
                      op.kind == Batch::Kind::put ? std::optional<std::string>{op.value} : std::nullopt);
    }
    return std::move(batch_);
  }
  std::vector<std::function<void(Position)>> take_actions() { return std::move(on_commit_); }

 private:
  Store& store_;
  Shard& shard_;
  Batch batch_;
  bool writable_;
  bool grows_ = false;
  std::vector<std::function<void(Position)>> on_commit_;
};

AccountWriter::AccountWriter(Store& store, WriterOptions options, std::function<void(const Error&)> on_doubt)
    : store_(store), options_(options), on_doubt_(std::move(on_doubt)) {
  for (std::uint32_t i = 0; i < std::max(1u, options_.shards); ++i)
    shards_.push_back(std::make_unique<Shard>(options_.kept_row_bytes));
  if (!options_.threads) return;
  for (const auto& shard : shards_) {
    shard_threads_.emplace_back([this, &shard = *shard] {
      std::unique_lock lock(shard.mutex);
      while (true) {
        shard.changed.wait(lock, [&] { return !shard.posted.empty() || shard.closing; });
        if (shard.posted.empty()) return;
        lock.unlock();
        run_shard(shard);
        lock.lock();
      }
    });
  }
  committer_thread_ = std::thread([this] { run_committer(); });
}

AccountWriter::~AccountWriter() {
  stop();
}

void AccountWriter::post(AccountId account, Command command, Durability durability, Done done) {
  const auto refuse = [&](Errc code, const char* why) {
    if (done) done(fail(code, why));
  };
  if (doubtful_) return refuse(Errc::unavailable, "a commit failed; the server is stopping");
  if (waiting_.fetch_add(1) >= options_.waiting_max) {
    --waiting_;
    return refuse(Errc::exhausted, "too many changes are waiting");
  }
  Shard& shard = *shards_[std::hash<AccountId>{}(account) % shards_.size()];
  bool closing = false;
  bool wake = false;
  {
    const std::lock_guard lock(shard.mutex);
    // Decided under the lock that stop() takes, so that nothing is queued behind a thread that has left.
    closing = shard.closing;
    if (!closing) {
      wake = shard.posted.empty();
      shard.posted.push_back({std::move(account), std::move(command), durability, std::move(done)});
    }
  }
  if (closing) {
    --waiting_;
    return refuse(Errc::unavailable, "the server is stopping");
  }
  if (wake) shard.changed.notify_one();
}

void AccountWriter::run_shard(Shard& shard) {
  std::vector<Posted> posted;
  {
    const std::lock_guard lock(shard.mutex);
    posted.swap(shard.posted);
  }
  shard.forget_committed();
  ++shard.round;
  const bool writable = store_.writable();
  std::vector<Item> items;
  items.reserve(posted.size());
  for (Posted& work : posted) {
    Tx tx(store_, shard, std::move(work.account), writable);
    Result<void> result = work.command(tx);
    // Erasing frees space, so it goes on when the disk is nearly full.
    if (result && tx.grows() && !writable)
      result = fail(Errc::exhausted, "the disk is nearly full; the server is read-only");
    Item item{&shard, shard.round,         Batch(tx.account()), 0, work.durability, std::move(result),
              {},     std::move(work.done)};
    if (item.result) {
      item.batch = tx.take_batch();
      item.records = item.batch.records().size();
      item.on_commit = tx.take_actions();
    }
    items.push_back(std::move(item));
  }
  bool wake = false;
  {
    const std::lock_guard lock(ready_mutex_);
    wake = ready_.empty();
    std::move(items.begin(), items.end(), std::back_inserter(ready_));
  }
  if (wake) ready_changed_.notify_one();
}

void AccountWriter::run_committer() {
  std::unique_lock lock(ready_mutex_);
  while (true) {
    ready_changed_.wait(lock, [&] { return !ready_.empty() || closing_; });
    if (ready_.empty()) return;
    std::vector<Item> items;
    items.swap(ready_);
    lock.unlock();
    commit(items);
    lock.lock();
  }
}

void AccountWriter::commit(std::vector<Item>& items) {
  Durability durability = Durability::relaxed;
  std::vector<Batch> batches;
  batches.reserve(items.size());
  for (Item& item : items) {
    if (item.batch.empty()) continue;
    if (item.durability == Durability::synced) durability = Durability::synced;
    batches.push_back(std::move(item.batch));
  }
  Result<Position> committed = Position{0};
  if (doubtful_) {
    committed = fail(Errc::unavailable, "an earlier commit failed");
  } else if (!batches.empty()) {
    committed = store_.commit(batches, durability);
    commits_.fetch_add(1, std::memory_order_relaxed);
    batch_sizes_.observe(static_cast<std::int64_t>(batches.size()));
  }
  if (!committed && !doubtful_.exchange(true)) on_doubt_(committed.error());
  answer(items, committed);
}

void AccountWriter::answer(std::vector<Item>& items, const Result<Position>& committed) {
  Position next = committed ? *committed : 0;
  for (Item& item : items) {
    if (committed) {
      for (auto& action : item.on_commit) action(item.records > 0 ? next : 0);
      next += item.records;
    }
    item.shard->committed_round.store(item.round, std::memory_order_release);
  }
  for (Item& item : items) {
    --waiting_;
    commands_.fetch_add(1, std::memory_order_relaxed);
    if (!item.done) continue;
    if (!committed) {
      item.done(fail(Errc::unavailable, committed.error().detail));
    } else {
      item.done(std::move(item.result));
    }
  }
}

bool AccountWriter::step() {
  const bool ran = run_shards();
  return commit_ready() || ran;
}

bool AccountWriter::run_shards() {
  bool any = false;
  for (const auto& shard : shards_) {
    bool has_work = false;
    {
      const std::lock_guard lock(shard->mutex);
      has_work = !shard->posted.empty();
    }
    if (has_work) run_shard(*shard);
    any = any || has_work;
  }
  return any;
}

bool AccountWriter::commit_ready() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(ready_mutex_);
    items.swap(ready_);
  }
  if (!items.empty()) commit(items);
  return !items.empty();
}

void AccountWriter::stop() {
  if (stopped_.exchange(true)) return;
  for (const auto& shard : shards_) {
    {
      const std::lock_guard lock(shard->mutex);
      shard->closing = true;
    }
    shard->changed.notify_one();
  }
  for (std::thread& thread : shard_threads_) thread.join();
  {
    const std::lock_guard lock(ready_mutex_);
    closing_ = true;
  }
  ready_changed_.notify_one();
  if (committer_thread_.joinable()) committer_thread_.join();
  if (!options_.threads) {
    while (step()) {
    }
  }
}

WriterStats AccountWriter::stats() const noexcept {
  return {commits_.load(std::memory_order_relaxed), commands_.load(std::memory_order_relaxed)};
}

}  // namespace tally::storage
