// Changing an account: commands that run one after the other for each account and are committed in groups.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace tally::storage {

// What a command sees and does. Only valid while the command runs.
class AccountTx {
 public:
  virtual ~AccountTx() = default;
  virtual const AccountId& account() const = 0;
  // False: the disk is nearly full, and a command that writes anything but erasures will be refused. For commands whose
  // decision others rely on before they are committed.
  virtual bool writable() const = 0;
  // This account's row, with the writes of earlier commands that are still on their way to the disk, and this command's
  // own. A writer keeps these for the tables that commands read; of another one it asserts.
  virtual Result<std::optional<std::string>> get(Table table, std::string_view key) = 0;
  virtual void put(Table table, std::string key, std::string value) = 0;
  virtual void erase(Table table, std::string key) = 0;
  // Counter rows: not visible to `get`.
  virtual void add(Table table, std::string key, std::string delta) = 0;
  // A journal record. Answers how many the command had appended before: its position is that of the command's first
  // record plus this number.
  virtual std::size_t append(std::string record) = 0;
  // Runs once the command's changes are durable, before its Done, in commit order, on the committer's thread.
  // `first_record` is the position of the command's first journal record. Must be short and must not throw.
  virtual void on_commit(std::function<void(Position first_record)> action) = 0;
};

// Decides and writes. An error drops everything the command wrote and goes to its Done. Must not throw, block or keep
// the tx.
using Command = std::function<Result<void>(AccountTx&)>;
// May be null. Called exactly once, on the committer's thread (or the caller's, when refused at once). Must be short.
// Errc::exhausted: the disk is nearly full or too much is waiting; nothing was done. Errc::unavailable: the server is
// stopping and the outcome is unknown.
using Done = std::function<void(Result<void>)>;

class Writer {
 public:
  virtual ~Writer() = default;
  // Runs `command` alone for `account`, after all that was posted for it before. `done` follows when the commit is
  // durable in the given sense; a command without changes is done when the commands before it are. Thread-safe.
  virtual void post(AccountId account, Command command, Durability durability, Done done) = 0;
};

}  // namespace tally::storage
