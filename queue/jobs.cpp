#include "queue/jobs.h"

#include <algorithm>

#include "core/codec.h"
#include "storage/packed_bytes.h"

namespace tally::queue {

using storage::AccountTx;
using storage::Durability;
using storage::Table;

namespace {

// A row of job_by_time begins with the milliseconds, shifted to leave room for the order within one of them.
constexpr int order_bits = 12;

std::uint64_t first_order_at(UtcTime time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.ms())) << order_bits;
}

std::string order_row(std::uint64_t order, const RequestId& id) {
  std::string key;
  append_be64(key, order);
  key += id.str();
  return key;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return hex;
}

// A cursor is the hex of the order and the id itself.
Result<std::string> row_of_cursor(std::string_view cursor) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  if (cursor.size() < 17 || cursor[16] != '.' || !looks_like_request_id(cursor.substr(17))) {
    return fail(Errc::invalid_argument, "not a cursor of this list", "invalid_cursor");
  }
  std::string key;
  for (std::size_t i = 0; i < 16; i += 2) {
    const int high = digit(cursor[i]);
    const int low = digit(cursor[i + 1]);
    if (high < 0 || low < 0) return fail(Errc::invalid_argument, "not a cursor of this list", "invalid_cursor");
    key.push_back(static_cast<char>(high * 16 + low));
  }
  key += cursor.substr(17);
  return key;
}

std::string part_row(const RequestId& id, std::uint64_t number) {
  std::string key = id.str();
  append_be32(key, static_cast<std::uint32_t>(number));
  return key;
}

Result<Job> read_job(const std::optional<std::string>& row) {
  if (!row) return fail(Errc::not_found, "no such report");
  return decode_job(*row);
}

constexpr std::int64_t took_bounds_ms[] = {1,     2,     5,     10,     25,     50,     100,     250,      500,
                                           1'000, 2'500, 5'000, 10'000, 30'000, 60'000, 300'000, 1'800'000};

}  // namespace

JobStats::JobStats() : waited_ms(took_bounds_ms), took_ms(took_bounds_ms) {}

void JobStats::count(const Job& job) noexcept {
  auto& ended = job.status == JobStatus::completed ? completed : job.status == JobStatus::failed ? failed : cancelled;
  ended.fetch_add(1, std::memory_order_relaxed);
  if (job.attempts > 0) waited_ms.observe(job.started_at.ms() - job.created_at.ms());
  if (job.status != JobStatus::cancelled) took_ms.observe(job.finished_at.ms() - job.created_at.ms());
}

Jobs::Jobs(storage::Store& store, storage::Writer& writer, Scheduler& scheduler, Clock& clock, Random& random,
           JobRules rules, JobHooks hooks)
    : store_(store),
      writer_(writer),
      scheduler_(scheduler),
      clock_(clock),
      random_(random),
      rules_(std::move(rules)),
      hooks_(std::move(hooks)),
      sequence_(static_cast<std::uint32_t>(random.below(10'000))) {}

Result<void> Jobs::recover() {
  std::optional<Error> broken;
  const UtcTime now = clock_.now();
  const auto scanned = store_.scan_all(
      Table::open_job, AccountId(), [&](std::string_view account, std::string_view key, std::string_view) {
        const AccountId owner{std::string(account)};
        const RequestId id{std::string(key)};
        auto job = find(owner, id);
        if (!job) {
          broken = fail(job.error().code, "unfinished job " + id.str() + ": " + job.error().detail);
          return false;
        }
        scheduler_.admit_stored(owner);
        scheduler_.offer({owner, id, job->status == JobStatus::processing}, job->run_after, now);
        return true;
      });
  if (broken) return *broken;
  return scanned;
}

// Grows from job to job, so that jobs of one millisecond are listed in the order of their submits.
std::uint64_t Jobs::next_order(UtcTime now) noexcept {
  std::uint64_t last = last_order_.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = std::max(first_order_at(now), last + 1);
  } while (!last_order_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
}

void Jobs::submit(Job job, Within within, Then<Job> done) {
  if (auto admitted = scheduler_.admit(job.account); !admitted) return done(admitted.error());
  const UtcTime now = clock_.now();
  job.id = make_request_id(random_, now, sequence_.fetch_add(1, std::memory_order_relaxed) % 10'000);
  job.status = JobStatus::queued;
  job.created_at = now;
  job.run_after = now;
  auto stored = std::make_shared<const Job>(std::move(job));
  writer_.post(
      stored->account,
      [this, stored, order = next_order(now), within = std::move(within)](AccountTx& tx) -> Result<void> {
        if (within) {
          if (auto allowed = within(tx, *stored); !allowed) return allowed;
        }
        tx.put(Table::job, stored->id.str(), encode(*stored));
        tx.put(Table::open_job, stored->id.str(), "");
        tx.put(Table::job_by_time, order_row(order, stored->id), "");
        tx.on_commit([this, stored](storage::Position) {
          scheduler_.offer({stored->account, stored->id, false}, stored->run_after, stored->run_after);
          if (wake_) wake_();
        });
        return {};
      },
      Durability::synced,
      [this, stored, done = std::move(done)](const Result<void>& result) {
        if (result) return done(*stored);
        scheduler_.retire(stored->account);
        done(result.error());
      });
}

Result<Job> Jobs::find(const AccountId& account, const RequestId& id) const {
  if (!looks_like_request_id(id.str())) return fail(Errc::not_found, "no such report");
  const auto row = store_.get(Table::job, account, id.str());
  if (!row) return row.error();
  if (*row) return decode_job(**row);
  const auto dropped = store_.get(Table::dropped_job, account, id.str());
  if (!dropped) return dropped.error();
  if (*dropped) return fail(Errc::gone, "the report was kept for its time and dropped", "report_expired");
  return read_job(std::nullopt);
}

Result<std::string> Jobs::result(const AccountId& account, const RequestId& id) const {
  auto row = store_.get(Table::job_result, account, id.str());
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "no result");
  return storage::unpacked(**row);
}

// The part that holds a byte is searched by halves: a part tells where it begins.
Result<void> Jobs::read_parts(const AccountId& account, const RequestId& id, std::uint64_t parts, std::uint64_t from,
                              const PartVisitor& visit) const {
  std::string part;
  const auto read = [&](std::uint64_t number) -> Result<std::uint64_t> {
    auto row = store_.get(Table::result_part, account, part_row(id, number));
    if (!row) return row.error();
    if (!*row || (*row)->size() < 8) return fail(Errc::corrupt, "a part of the result of " + id.str() + " is missing");
    part = std::move(**row);
    return read_be64(part);
  };
  std::uint64_t low = 0;
  std::uint64_t high = from == 0 ? 1 : parts;
  while (low + 1 < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto begins_at = read(middle);
    if (!begins_at) return begins_at.error();
    (*begins_at <= from ? low : high) = middle;
  }
  for (; low < parts; ++low) {
    const auto begins_at = read(low);
    if (!begins_at) return begins_at.error();
    const auto bytes = storage::unpacked(std::string_view(part).substr(8));
    if (!bytes) return bytes.error();
    if (!visit(*begins_at, *bytes)) break;
  }
  return {};
}

Result<std::string> Jobs::checkpoint(const AccountId& account, const RequestId& id) const {
  auto row = store_.get(Table::checkpoint, account, id.str());
  if (!row) return row.error();
  return std::move(*row).value_or("");
}

Result<Jobs::Page> Jobs::list(const AccountId& account, std::size_t limit, std::string_view cursor) const {
  storage::ScanRange range;
  range.reverse = true;
  if (!cursor.empty()) {
    auto before = row_of_cursor(cursor);
    if (!before) return before.error();
    range.to = std::move(*before);
  }
  Page page;
  std::optional<Error> broken;
  std::string last;
  const auto scanned = store_.scan(Table::job_by_time, account, range, [&](std::string_view key, std::string_view) {
    if (page.jobs.size() == limit) {
      page.next = to_hex(std::string_view(last).substr(0, 8)) + "." + last.substr(8);
      return false;
    }
    auto job = find(account, RequestId(std::string(key.substr(8))));
    if (!job && job.error().code == Errc::not_found) return true;  // dropped between the two reads
    if (!job) return broken = job.error(), false;
    page.jobs.push_back(std::move(*job));
    last = key;
    return true;
  });
  if (broken) return *broken;
  if (!scanned) return scanned.error();
  return page;
}

void Jobs::change(const AccountId& account, const RequestId& id, Durability durability, Change change, Then<Job> done) {
  auto changed = std::make_shared<Job>();
  writer_.post(
      account,
      [id, changed, change = std::move(change)](AccountTx& tx) -> Result<void> {
        const auto row = tx.get(Table::job, id.str());
        if (!row) return row.error();
        auto job = read_job(*row);
        if (!job) return job.error();
        if (auto result = change(tx, *job); !result) return result;
        tx.put(Table::job, id.str(), encode(*job));
        *changed = std::move(*job);
        return {};
      },
      durability,
      [this, changed, done = std::move(done)](const Result<void>& result) {
        if (result && hooks_.on_change) hooks_.on_change(*changed);
        if (!done) return;
        if (result) {
          done(std::move(*changed));
        } else {
          done(result.error());
        }
      });
}

// The rows that go with the end of a job, in the same commit as its status.
Result<void> Jobs::store_outcome(AccountTx& tx, Job& job, const std::string& result) {
  tx.erase(Table::open_job, job.id.str());
  if (job.saved_parts > 0) tx.erase(Table::checkpoint, job.id.str());
  if (!job.callback_url.empty() && job.status != JobStatus::cancelled) {
    Delivery delivery;
    delivery.id = DeliveryId(make_id(random_, "msg"));
    delivery.account = job.account;
    delivery.url = job.callback_url;
    delivery.event = job.status == JobStatus::completed ? "report.completed" : "report.failed";
    delivery.request = job.id;
    delivery.http_request_id = job.http_request_id;
    delivery.created_at = job.finished_at;
    delivery.next_attempt_at = job.finished_at;
    tx.put(Table::delivery, delivery.id.str(), encode(delivery));
    tx.put(Table::delivery_body, delivery.id.str(), hooks_.callback_body(job, result));
    tx.put(Table::open_delivery, delivery.id.str(), "");
    job.delivery = delivery.id;
  }
  if (hooks_.on_outcome) hooks_.on_outcome(tx, job);
  tx.on_commit([this, job](storage::Position) {
    finished(job);
    if (!job.delivery.empty() && hooks_.delivery_ready) hooks_.delivery_ready(job.account, job.delivery);
  });
  return {};
}

void Jobs::finished(const Job& job) {
  scheduler_.retire(job.account);
  stats_.count(job);
  std::vector<std::pair<std::uint64_t, std::function<void()>>> waiting;
  {
    const std::lock_guard lock(watch_mutex_);
    const auto found = watches_.find(job.id);
    if (found == watches_.end()) return;
    waiting = std::move(found->second);
    watches_.erase(found);
  }
  for (auto& [number, then] : waiting) then();
}

void Jobs::cancel(const AccountId& account, const RequestId& id, Then<Job> done) {
  change(
      account, id, Durability::synced,
      [this](AccountTx& tx, Job& job) -> Result<void> {
        if (auto cancelled = tally::cancel(job, clock_.now()); !cancelled) return cancelled;
        return store_outcome(tx, job, {});
      },
      [this, done = std::move(done)](Result<Job> job) {
        if (job) erase_parts(*job);
        if (done) done(std::move(job));
      });
}

// Of a job that ended without a result. Every save before its end is committed by now, and none comes after it.
void Jobs::erase_parts(const Job& job) {
  if (job.saved_parts == 0) return;
  writer_.post(
      job.account,
      [id = job.id, parts = job.saved_parts](AccountTx& tx) -> Result<void> {
        for (std::uint64_t i = 0; i < parts; ++i) tx.erase(Table::result_part, part_row(id, i));
        return {};
      },
      Durability::relaxed, nullptr);
}

std::uint64_t Jobs::watch_claim(const RequestId& id, std::function<void()> then) {
  const std::lock_guard lock(watch_mutex_);
  const std::uint64_t number = next_watch_++;
  watches_[id].emplace_back(number, std::move(then));
  return number;
}

std::uint64_t Jobs::watch(const AccountId& account, const RequestId& id, std::function<void()> then) {
  // Registered first, so that an end between the look and the registration is not missed; whoever takes it out calls
  // it.
  const std::uint64_t number = watch_claim(id, then);
  const auto job = find(account, id);
  if (job && !job->finished()) return number;
  bool mine = false;
  {
    const std::lock_guard lock(watch_mutex_);
    const auto found = watches_.find(id);
    if (found != watches_.end()) {
      mine = std::erase_if(found->second, [&](const auto& entry) { return entry.first == number; }) > 0;
      if (found->second.empty()) watches_.erase(found);
    }
  }
  if (mine) then();
  return number;
}

void Jobs::unwatch(const RequestId& id, std::uint64_t watch) {
  const std::lock_guard lock(watch_mutex_);
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  std::erase_if(found->second, [&](const auto& entry) { return entry.first == watch; });
  if (found->second.empty()) watches_.erase(found);
}

void Jobs::claim(const JobRef& ref, Then<Job> done) {
  // Relaxed: a claim that power loss forgets is a job that is queued again, which is what it is then.
  change(
      ref.account, ref.id, Durability::relaxed,
      [this, orphaned = ref.orphaned](AccountTx&, Job& job) -> Result<void> {
        if (orphaned) orphan(job);
        return tally::claim(job, rules_, clock_.now());
      },
      std::move(done));
}

void Jobs::extend(const Job& job, std::uint64_t progress_done, std::uint64_t progress_total, Then<Job> done) {
  change(
      job.account, job.id, Durability::relaxed,
      [this, token = job.token, progress_done, progress_total](AccountTx&, Job& stored) -> Result<void> {
        if (auto extended = extend_lease(stored, token, rules_, clock_.now()); !extended) return extended;
        stored.progress_done = progress_done;
        stored.progress_total = progress_total;
        return {};
      },
      std::move(done));
}

// Relaxed: power loss takes a save only with all that came after it, and the checkpoint goes with the parts.
void Jobs::save(const Job& job, Saved saved, Then<Job> done) {
  std::vector<std::string> rows;  // packed here, where the work is done, and not by the shard
  std::uint64_t added = 0;
  for (std::string& part : saved.parts) {
    std::string row;
    append_be64(row, job.saved_bytes + added);
    added += part.size();
    row += storage::packed(std::move(part));
    rows.push_back(std::move(row));
  }
  change(
      job.account, job.id, Durability::relaxed,
      [this, token = job.token, parts = job.saved_parts, bytes = job.saved_bytes, added, rows = std::move(rows),
       saved = std::move(saved)](AccountTx& tx, Job& stored) mutable -> Result<void> {
        if (stored.saved_parts != parts || stored.saved_bytes != bytes)
          return fail(Errc::conflict, "an earlier part was not saved");
        for (std::size_t i = 0; i < rows.size(); ++i)
          tx.put(Table::result_part, part_row(stored.id, parts + i), std::move(rows[i]));
        if (auto held = save_parts(stored, token, rules_, rows.size(), added, clock_.now()); !held) return held;
        stored.progress_done = saved.progress_done;
        stored.progress_total = saved.progress_total;
        tx.put(Table::checkpoint, stored.id.str(), std::move(saved.checkpoint));
        return {};
      },
      std::move(done));
}

void Jobs::complete(const Job& job, std::string result, Then<Job> done) {
  // Only a callback's body is made of it.
  std::string plain = job.callback_url.empty() ? std::string() : result;
  change(
      job.account, job.id, Durability::synced,
      [this, token = job.token, saved = job.saved_bytes, plain = std::move(plain),
       row = storage::packed(std::move(result))](AccountTx& tx, Job& stored) mutable -> Result<void> {
        if (stored.saved_bytes != saved) return fail(Errc::conflict, "a part of the result was not saved");
        if (auto completed = tally::complete(stored, token, clock_.now()); !completed) return completed;
        tx.put(Table::job_result, stored.id.str(), std::move(row));
        return store_outcome(tx, stored, plain);
      },
      std::move(done));
}

void Jobs::fail_attempt(const Job& job, const Error& error, bool permanent, Then<Job> done) {
  change(
      job.account, job.id, Durability::synced,
      [this, token = job.token, error, permanent](AccountTx& tx, Job& stored) -> Result<void> {
        const std::string code = error.rule.empty() ? std::string(to_string(error.code)) : error.rule;
        auto failed = tally::fail_attempt(stored, token, rules_, clock_.now(), random_, permanent, code, error.detail);
        if (!failed || !stored.finished()) return failed;
        return store_outcome(tx, stored, {});
      },
      [this, done = std::move(done)](Result<Job> stored) {
        if (stored && stored->finished()) erase_parts(*stored);
        if (done) done(std::move(stored));
      });
}

Result<std::size_t> Jobs::drop_old(UtcTime before, std::size_t limit) {
  struct Old {
    Job job;
    std::string order_row;
  };
  std::vector<Old> old;
  std::string end;
  append_be64(end, first_order_at(before));
  std::optional<Error> broken;
  const auto scanned = store_.scan_all(
      Table::job_by_time, AccountId(), [&](std::string_view account, std::string_view key, std::string_view) {
        if (key.substr(0, 8) >= end) return true;
        auto job = find(AccountId(std::string(account)), RequestId(std::string(key.substr(8))));
        if (!job && job.error().code != Errc::not_found) return broken = job.error(), false;
        if (job && job->finished()) old.push_back({std::move(*job), std::string(key)});
        return old.size() < limit;
      });
  if (broken) return *broken;
  if (!scanned) return scanned.error();
  for (Old& each : old) {
    AccountId account = each.job.account;
    writer_.post(
        std::move(account),
        [each = std::move(each), now = clock_.now()](AccountTx& tx) -> Result<void> {
          const std::string& delivery = each.job.delivery.str();
          if (!delivery.empty()) {
            const auto open = tx.get(Table::open_delivery, delivery);
            if (!open) return open.error();
            if (*open) return {};  // still to be told; the job goes when that is over
            tx.erase(Table::delivery, delivery);
            tx.erase(Table::delivery_body, delivery);
            tx.erase(Table::delivery_attempts, delivery);
          }
          tx.erase(Table::job, each.job.id.str());
          tx.erase(Table::job_result, each.job.id.str());
          for (std::uint64_t i = 0; i < each.job.saved_parts; ++i)
            tx.erase(Table::result_part, part_row(each.job.id, i));
          std::string dropped_at;
          append_be64(dropped_at, static_cast<std::uint64_t>(now.ms()));
          tx.put(Table::dropped_job, each.job.id.str(), std::move(dropped_at));
          tx.erase(Table::job_by_time, each.order_row);
          return {};
        },
        Durability::relaxed, nullptr);
  }
  return old.size();
}

}  // namespace tally::queue
