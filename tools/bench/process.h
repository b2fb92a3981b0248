// Child processes: they die with the bench, and are waited for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tally::tools::bench {

class Process {
 public:
  // Runs arguments[0] with standard error in `log_file`. No TALLY_* variable is handed down.
  Process(const std::vector<std::string>& arguments, std::string log_file);
  ~Process();  // kills it if it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  const std::string& log_file() const noexcept { return log_file_; }
  bool has_ended();
  // SIGTERM and waiting; gives up unless it then exits with 0.
  void stop();
  void kill_dead();  // SIGKILL and waiting
  void wait();       // until it ends by itself; gives up unless with 0

 private:
  pid_t pid_ = -1;
  std::string log_file_;
  int status_ = 0;
};

struct Memory {
  std::int64_t rss_kb = 0;
  std::int64_t pss_kb = 0;  // shared pages counted by share
};
Memory memory_of(pid_t pid);
// Processor time used so far, of all threads.
double cpu_seconds_of(pid_t pid);

// As many descriptors as the system lets this process and its children have; gives up when there are not `count`, for
// `what`, and some hundred beside them.
void need_descriptors(std::uint64_t count, const std::string& what);

// A port that nobody listens on just now.
std::uint16_t free_port();

}  // namespace tally::tools::bench
