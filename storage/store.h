// The store: rows in tables, every key led by its account, changed by atomic batches of one account.
//
// A backend is RocksDB, the memory model, or later PostgreSQL/Citus (tables distributed by account). tests/contract
// holds every backend to what this page says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/result.h"

namespace tally::storage {

// What a row holds is said by the encode/decode pair in core that is named beside it. Numbers are stored: never reuse
// one.
enum class Table : std::uint8_t {
  meta = 1,            // the store's own bookkeeping
  account = 2,         // "" -> Account
  credential = 3,      // key id -> ApiKey
  price = 4,           // endpoint \0 version -> Price, under system_account()
  job = 5,             // request id -> Job
  job_result = 6,      // request id -> StoredResult, or what else a dialect keeps, packed (storage/packed_bytes.h)
  open_job = 7,        // request id -> "": jobs that are not finished
  delivery = 8,        // delivery id -> Delivery
  delivery_body = 9,   // delivery id -> the bytes to POST
  open_delivery = 10,  // delivery id -> "": deliveries that are pending
  rollup_day = 11,     // rollup_key -> RollupRow with hours; changed by `add`
  rollup_month = 12,   // rollup_key -> RollupRow without; changed by `add`
  dedup = 13,  // event fingerprint -> its arrival's UTC ms as 8 bytes big-endian, then where the event lies. A backend
               // may drop a row once it is 33 days old
  meter = 14,  // "" -> the journal position that the account's rollups include; "ledger" -> the same for its ledger
  idempotency = 15,   // Idempotency-Key -> arrival's UTC ms as 8 bytes big-endian, then the response that was given. A
                      // backend may drop a row once it is 8 days old
  job_by_time = 16,   // created_at ms * 4096 + order big-endian, request id -> "": the order of lists and of retention
  ledger = 17,        // "" -> LedgerState
  ledger_entry = 18,  // the last entry's seq, 8 bytes big-endian -> consecutive LedgerEntries
  lot = 19,           // number, 8 bytes big-endian -> Lot
  hold = 20,          // number, 8 bytes big-endian -> Hold
  open_hold = 21,     // number, 8 bytes big-endian -> "": holds that are open
  reversal = 22,      // fingerprint of an event that was reversed -> seq of its reversal
  webhook = 23,       // webhook id -> Webhook; "" -> their number, as a LEB128
  webhook_delivery = 24,  // webhook id \0 created_at ms as 8 bytes big-endian, delivery id -> "": the order of a
                          // webhook's log and of its retention
  rate_window = 25,       // key id -> RateWindow
  login = 26,             // "" -> Login
  session = 27,           // session id -> Session: those that are open
  result_part = 28,       // request id, number as 4 bytes big-endian -> where it begins among the rows' bytes, 8 bytes
                          // big-endian, and the bytes, packed
  checkpoint = 29,        // request id -> where the work on an unfinished job goes on
  dropped_job = 30,       // request id -> when its result was dropped, UTC ms as 8 bytes big-endian. A backend may drop
                          // a row once it is 30 days old
  delivery_attempts = 32,  // delivery id -> AttemptRecords before the latest, which is in Delivery
  schedule = 33,           // schedule id -> Schedule, under its account
};
inline constexpr Table all_tables[] = {Table::meta,
                                       Table::account,
                                       Table::credential,
                                       Table::price,
                                       Table::job,
                                       Table::job_result,
                                       Table::open_job,
                                       Table::delivery,
                                       Table::delivery_body,
                                       Table::open_delivery,
                                       Table::rollup_day,
                                       Table::rollup_month,
                                       Table::dedup,
                                       Table::meter,
                                       Table::idempotency,
                                       Table::job_by_time,
                                       Table::ledger,
                                       Table::ledger_entry,
                                       Table::lot,
                                       Table::hold,
                                       Table::open_hold,
                                       Table::reversal,
                                       Table::webhook,
                                       Table::webhook_delivery,
                                       Table::rate_window,
                                       Table::login,
                                       Table::session,
                                       Table::result_part,
                                       Table::checkpoint,
                                       Table::dropped_job,
                                       Table::delivery_attempts,
                                       Table::schedule};

// Rows that belong to no customer (prices, bookkeeping) live under this id, which no account can have.
const AccountId& system_account();

struct ScanRange {
  std::string from;      // first key, inclusive
  std::string to;        // exclusive; empty: to the end
  bool reverse = false;  // from the last key of the range backwards
};
// Return false to stop. The views live until it returns.
using RowVisitor = std::function<bool(std::string_view key, std::string_view value)>;
using AccountRowVisitor = std::function<bool(std::string_view account, std::string_view key, std::string_view value)>;

// Reads of committed rows. Thread-safe. Errc::corrupt when stored bytes fail their checksum.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const = 0;
  // One answer per key, in order; cheaper than as many gets.
  virtual Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                                   std::span<const std::string> keys) const = 0;
  // One account's rows in key order.
  virtual Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                            const RowVisitor& visit) const = 0;
  // All accounts' rows, ordered by account, then key; from the first account >= `from_account`. No consistency between
  // accounts.
  virtual Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const = 0;
};

// One account's changes: all of them or none.
class Batch {
 public:
  enum class Kind : std::uint8_t { put, erase, add };
  struct Op {
    Kind kind;
    Table table;
    std::string key;
    std::string value;
  };

  explicit Batch(AccountId account) : account_(std::move(account)) {}
  const AccountId& account() const noexcept { return account_; }
  const std::vector<Op>& ops() const noexcept { return ops_; }
  const std::vector<std::string>& records() const noexcept { return records_; }
  bool empty() const noexcept { return ops_.empty() && records_.empty(); }

  void put(Table table, std::string key, std::string value) {
    ops_.push_back({Kind::put, table, std::move(key), std::move(value)});
  }
  void erase(Table table, std::string key) { ops_.push_back({Kind::erase, table, std::move(key), {}}); }
  // Adds a delta (an encoded RollupRow) to a counter row by merge_rollups; an absent row counts as nothing.
  void add(Table table, std::string key, std::string delta) {
    ops_.push_back({Kind::add, table, std::move(key), std::move(delta)});
  }
  // Appends a record to the journal.
  void append(std::string record) { records_.push_back(std::move(record)); }

 private:
  AccountId account_;
  std::vector<Op> ops_;
  std::vector<std::string> records_;
};

// What every backend refuses before it writes (Errc::invalid_argument): an account id that is empty or holds a zero
// byte, `add` to a row that is no rollup, a delta that is no encoded RollupRow. Keys and values may hold any byte.
Result<void> check(std::span<const Batch> batches);

// synced: survives power loss once commit returns. relaxed: survives a crash of the process; power loss may take it,
// but never without also taking every later commit.
enum class Durability : std::uint8_t { relaxed = 1, synced };

// A position in the journal. Grows by one per record in commit order; never reused.
using Position = std::uint64_t;
// Return false to stop.
using JournalVisitor = std::function<bool(Position position, std::string_view account, std::string_view record)>;

class Store : public Rows {
 public:
  // Applies every batch, each all or nothing, later ones over earlier ones, in one write. Blocks for at most one fsync.
  // One caller at a time. Answers the position of the first record of the first batch that has one (0 if none has); the
  // others follow in order. Errc::invalid_argument: what `check` refuses; nothing was applied. Errc::unavailable: the
  // outcome is unknown and the process must stop serving; every later commit is refused.
  virtual Result<Position> commit(std::span<const Batch> batches, Durability durability) = 0;

  // Makes every relaxed commit so far survive power loss.
  virtual Result<void> sync() = 0;

  // The journal's records from `from` on, in order. Positions whose records were dropped are skipped.
  virtual Result<void> read_journal(Position from, const JournalVisitor& visit) const = 0;

  // The position that the next record will have.
  virtual Position next_position() const = 0;

  // A frozen view of everything committed when it is called (dedup rows may still be dropped for their age). It may
  // outlive the store.
  virtual std::shared_ptr<const Rows> snapshot() const = 0;
  // Such a view for one thread that goes through accounts in their order: it keeps its place in each table, so that the
  // next account costs a step and not a search. Let go of it soon: it also keeps what is replaced meanwhile.
  virtual std::shared_ptr<const Rows> walk() const { return snapshot(); }

  // False when the disk is nearly full: new work must be refused (503) before a write could fail. Cheap; thread-safe.
  virtual bool writable() const = 0;

  // Bytes on disk, roughly; for metrics.
  virtual std::uint64_t size_bytes() const = 0;
};

}  // namespace tally::storage
