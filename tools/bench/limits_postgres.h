// A private PostgreSQL cluster with its default, durable settings, doing a ledger's debits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tools/bench/process.h"
#include "tools/bench/scratch.h"

namespace tally::tools::bench {

class PostgresLedger {
 public:
  // Makes a cluster in `scratch` and fills it with accounts. Nothing where PostgreSQL is not installed (tools/setup
  // bench). A superuser's process runs it as the user `postgres`, because PostgreSQL refuses to run as root.
  static std::unique_ptr<PostgresLedger> start(const ScratchDirectory& scratch, std::uint32_t accounts);
  ~PostgresLedger();

  // Debits of one account each, one transaction a debit (row lock, balance, entry with a unique event id), by pgbench.
  double debits_per_second(double seconds, std::uint64_t clients, bool one_hot_account);
  std::string version() const;

 private:
  PostgresLedger(std::string programs, std::string folder, std::uint32_t accounts);
  void run(std::vector<std::string> arguments, const std::string& log) const;
  void query(const std::string& sql, const std::string& log) const;

  std::string programs_;
  std::string folder_;
  std::uint32_t accounts_;
  std::unique_ptr<Process> server_;
};

}  // namespace tally::tools::bench
