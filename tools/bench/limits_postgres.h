// PostgreSQL with its default, durable settings, doing a ledger's debits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tools/bench/postgres_cluster.h"

namespace tally::tools::bench {

class PostgresLedger {
 public:
  // Makes a cluster in `scratch` and fills it with accounts. Nothing where PostgreSQL is not installed.
  static std::unique_ptr<PostgresLedger> start(const ScratchDirectory& scratch, std::uint32_t accounts);

  // Debits of one account each, one transaction a debit (row lock, balance, entry with a unique event id), by pgbench.
  double debits_per_second(double seconds, std::uint64_t clients, bool one_hot_account);
  std::string version() const { return cluster_->version(); }

 private:
  PostgresLedger(std::unique_ptr<PostgresCluster> cluster, std::uint32_t accounts);

  std::unique_ptr<PostgresCluster> cluster_;
  std::uint32_t accounts_;
};

}  // namespace tally::tools::bench
