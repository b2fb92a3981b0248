#include "tools/bench/limits_postgres.h"

#include <pwd.h>
#include <unistd.h>

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

// In front of a command, so that root's cluster runs as `postgres`.
std::vector<std::string> as_cluster_owner(std::vector<std::string> command) {
  if (::geteuid() != 0) return command;
  std::vector<std::string> whole{"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

std::string find_programs() {
  std::string newest;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const std::string folder = version.path().string() + "/bin";
    if (::access((folder + "/initdb").c_str(), X_OK) == 0) newest = std::max(newest, folder);
  }
  return newest;
}

}  // namespace

PostgresLedger::PostgresLedger(std::string programs, std::string folder, std::uint32_t accounts)
    : programs_(std::move(programs)), folder_(std::move(folder)), accounts_(accounts) {}

PostgresLedger::~PostgresLedger() {
  if (server_ && !server_->has_ended()) server_->stop();
}

std::string PostgresLedger::version() const {
  return std::filesystem::path(programs_).parent_path().filename().string();
}

void PostgresLedger::run(std::vector<std::string> arguments, const std::string& log) const {
  Process process(as_cluster_owner(std::move(arguments)), folder_ + "/" + log);
  process.wait();
}

void PostgresLedger::query(const std::string& sql, const std::string& log) const {
  run({programs_ + "/psql", "-h", folder_, "-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres"},
      log);
}

std::unique_ptr<PostgresLedger> PostgresLedger::start(const ScratchDirectory& scratch, std::uint32_t accounts) {
  const std::string programs = find_programs();
  if (programs.empty()) return nullptr;
  const std::string folder = scratch / "postgres";
  std::filesystem::create_directories(folder);
  if (::geteuid() == 0) {
    const passwd* owner = ::getpwnam("postgres");
    if (owner == nullptr) return nullptr;
    std::filesystem::permissions(scratch.path(), std::filesystem::perms(0711));
    if (::chown(folder.c_str(), owner->pw_uid, owner->pw_gid) != 0) give_up(folder + ": cannot be given to postgres");
  }
  auto cluster = std::unique_ptr<PostgresLedger>(new PostgresLedger(programs, folder, accounts));
  const std::string data = folder + "/data";
  cluster->run({programs + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"},
               "initdb.log");
  // Room to work; what makes commits durable stays as PostgreSQL has it by default.
  cluster->server_ = std::make_unique<Process>(
      as_cluster_owner({programs + "/postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c",
                        "shared_buffers=1GB", "-c", "max_wal_size=4GB", "-c", "max_connections=200"}),
      folder + "/server.log");
  const Stopwatch watch;
  while (true) {
    try {
      cluster->query("SELECT 1", "ready.log");
      break;
    } catch (const std::runtime_error&) {
      if (watch.seconds() > 30) give_up("PostgreSQL does not start: " + read_whole_file(folder + "/server.log"));
      pause_seconds(0.1);
    }
  }
  cluster->query(schema, "schema.log");
  cluster->query(
      "INSERT INTO account SELECT i, 1000000000000 FROM generate_series(1, " + std::to_string(accounts) + ") i; ",
      "fill.log");
  cluster->query("VACUUM ANALYZE account", "vacuum.log");
  return cluster;
}

double PostgresLedger::debits_per_second(double seconds, std::uint64_t clients, bool one_hot_account) {
  const std::string script = folder_ + "/debit.sql";
  const std::string choice =
      one_hot_account ? "\\set account 7\n" : "\\set account random(1, " + std::to_string(accounts_) + ")\n";
  write_whole_file(script, choice + debit_script);
  std::filesystem::permissions(script, std::filesystem::perms(0644));
  const auto whole_seconds = std::to_string(std::max(1, static_cast<int>(seconds + 0.5)));
  run({programs_ + "/pgbench", "-h", folder_, "-U", "postgres", "-n", "-M", "prepared", "-c", std::to_string(clients),
       "-j", "2", "-T", whole_seconds, "-f", script, "postgres"},
      "pgbench.log");
  const std::string log = read_whole_file(folder_ + "/pgbench.log");
  const auto at = log.find("tps = ");
  if (at == std::string::npos) give_up("pgbench told no rate: " + log);
  return std::stod(log.substr(at + 6));
}

}  // namespace tally::tools::bench
