#include "tools/bench/limits_postgres.h"

#include <algorithm>
#include <filesystem>

#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr const char* schema = R"(
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE ledger_entry (account int NOT NULL, event uuid NOT NULL UNIQUE, amount bigint NOT NULL,
                           balance_after bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
)";

// What an application does with one statement after the other.
constexpr const char* debit_script = R"(
BEGIN;
SELECT balance FROM account WHERE id = :account FOR UPDATE;
UPDATE account SET balance = balance - 5 WHERE id = :account RETURNING balance AS after \gset
INSERT INTO ledger_entry (account, event, amount, balance_after) VALUES (:account, gen_random_uuid(), -5, :after);
COMMIT;
)";

}  // namespace

PostgresLedger::PostgresLedger(std::unique_ptr<PostgresCluster> cluster, std::uint32_t accounts)
    : cluster_(std::move(cluster)), accounts_(accounts) {
  cluster_->query(schema);
  cluster_->query("INSERT INTO account SELECT i, 1000000000000 FROM generate_series(1, " + std::to_string(accounts) +
                  ") i; ");
  cluster_->query("VACUUM ANALYZE account");
}

std::unique_ptr<PostgresLedger> PostgresLedger::start(const ScratchDirectory& scratch, std::uint32_t accounts) {
  // Room to work; what makes commits durable stays as PostgreSQL has it by default.
  auto cluster = PostgresCluster::start(scratch, {"shared_buffers=1GB", "max_wal_size=4GB", "max_connections=200"});
  if (!cluster) return nullptr;
  return std::unique_ptr<PostgresLedger>(new PostgresLedger(std::move(cluster), accounts));
}

double PostgresLedger::debits_per_second(double seconds, std::uint64_t clients, bool one_hot_account) {
  const std::string script = cluster_->folder() + "/debit.sql";
  const std::string choice =
      one_hot_account ? "\\set account 7\n" : "\\set account random(1, " + std::to_string(accounts_) + ")\n";
  write_whole_file(script, choice + debit_script);
  std::filesystem::permissions(script, std::filesystem::perms(0644));
  const auto whole_seconds = std::to_string(std::max(1, static_cast<int>(seconds + 0.5)));
  const std::string told = cluster_->run(
      "pgbench", {"-n", "-M", "prepared", "-c", std::to_string(clients), "-j", "2", "-T", whole_seconds, "-f", script});
  const auto at = told.find("tps = ");
  if (at == std::string::npos) give_up("pgbench told no rate: " + told);
  return std::stod(told.substr(at + 6));
}

}  // namespace tally::tools::bench
