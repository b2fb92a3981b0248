// A private PostgreSQL cluster on a socket in a scratch directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/bench/process.h"
#include "tools/bench/scratch.h"

namespace tally::tools::bench {

class PostgresCluster {
 public:
  // Makes a cluster in `scratch` and starts it with its default settings but for `settings` ("shared_buffers=1GB").
  // Nothing where PostgreSQL is not installed (tools/setup bench). A superuser's process runs it as the user
  // `postgres`, because PostgreSQL refuses to run as root.
  static std::unique_ptr<PostgresCluster> start(const ScratchDirectory& scratch,
                                                const std::vector<std::string>& settings);
  ~PostgresCluster();

  // Gives up when it fails.
  void query(const std::string& sql) const;
  // One of PostgreSQL's programs, connected to the cluster. Answers what it printed.
  std::string run(const std::string& program, const std::vector<std::string>& arguments) const;
  // A place for files that the server writes.
  const std::string& folder() const noexcept { return folder_; }
  std::string version() const;

 private:
  PostgresCluster(std::string programs, std::string folder);
  void run_to_end(std::vector<std::string> arguments, const std::string& log) const;

  std::string programs_;
  std::string folder_;
  std::unique_ptr<Process> server_;
};

}  // namespace tally::tools::bench
