#include "tools/bench/postgres_cluster.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr double postgres_start_seconds = 30;

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

PostgresCluster::PostgresCluster(std::string programs, std::string folder)
    : programs_(std::move(programs)), folder_(std::move(folder)) {}

PostgresCluster::~PostgresCluster() {
  if (server_ && !server_->has_ended()) server_->stop();
}

std::string PostgresCluster::version() const {
  return std::filesystem::path(programs_).parent_path().filename().string();
}

void PostgresCluster::run_to_end(std::vector<std::string> arguments, const std::string& log) const {
  Process process(as_cluster_owner(std::move(arguments)), log);
  process.wait();
}

std::string PostgresCluster::run(const std::string& program, const std::vector<std::string>& arguments) const {
  std::vector<std::string> whole{programs_ + "/" + program, "-h", folder_, "-U", "postgres"};
  whole.insert(whole.end(), arguments.begin(), arguments.end());
  whole.emplace_back("postgres");
  const std::string log = folder_ + "/" + program + ".log";
  run_to_end(std::move(whole), log);
  return read_whole_file(log);
}

void PostgresCluster::query(const std::string& sql) const {
  run("psql", {"-q", "-v", "ON_ERROR_STOP=1", "-c", sql});
}

std::unique_ptr<PostgresCluster> PostgresCluster::start(const ScratchDirectory& scratch,
                                                        const std::vector<std::string>& settings) {
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
  auto cluster = std::unique_ptr<PostgresCluster>(new PostgresCluster(programs, folder));
  const std::string data = folder + "/data";
  cluster->run_to_end(
      {programs + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"},
      folder + "/initdb.log");
  std::vector<std::string> command{programs + "/postgres", "-D", data, "-k", folder, "-c", "listen_addresses="};
  for (const std::string& setting : settings) command.insert(command.end(), {"-c", setting});
  cluster->server_ = std::make_unique<Process>(as_cluster_owner(std::move(command)), folder + "/server.log");
  const Stopwatch watch;
  while (true) {
    try {
      cluster->query("SELECT 1");
      return cluster;
    } catch (const std::runtime_error&) {
      if (watch.seconds() > postgres_start_seconds)
        give_up("PostgreSQL does not start: " + read_whole_file(folder + "/server.log"));
      pause_seconds(0.1);
    }
  }
}

}  // namespace tally::tools::bench
