#include "tools/bench/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tools/bench/measure.h"
#include "tools/bench/scratch.h"

namespace tally::tools::bench {

namespace {

// Between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* arguments, char* const* variables, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execve(arguments[0], arguments, variables);
  ::_exit(127);
}

std::vector<char*> variables_for_child() {
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "TALLY_", 6) != 0) kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, std::string log_file) : log_file_(std::move(log_file)) {
  std::vector<std::string> texts = arguments;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const std::vector<char*> variables = variables_for_child();
  const int log = ::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (log < 0) give_up(log_file_ + ": " + std::strerror(errno));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(pointers.data(), variables.data(), log, parent);
  ::close(log);
  if (pid_ < 0) give_up(std::string("fork: ") + std::strerror(errno));
}

Process::~Process() {
  if (pid_ > 0) kill_dead();
}

bool Process::has_ended() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

void Process::stop() {
  if (has_ended()) give_up("a child process ended by itself: " + read_whole_file(log_file_));
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, &status_, 0);
  pid_ = -1;
  if (!WIFEXITED(status_) || WEXITSTATUS(status_) != 0) {
    give_up("a child process did not end well: " + read_whole_file(log_file_));
  }
}

void Process::wait() {
  ::waitpid(pid_, &status_, 0);
  pid_ = -1;
  if (!WIFEXITED(status_) || WEXITSTATUS(status_) != 0) {
    give_up("a child process did not end well: " + read_whole_file(log_file_));
  }
}

void Process::kill_dead() {
  if (has_ended()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, &status_, 0);
  pid_ = -1;
}

Memory memory_of(pid_t pid) {
  Memory memory;
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t kb = 0;
    words >> name >> kb;
    if (name == "Rss:") memory.rss_kb = kb;
    if (name == "Pss:") memory.pss_kb = kb;
  }
  if (memory.rss_kb == 0) give_up("the memory of process " + std::to_string(pid) + " cannot be read");
  return memory;
}

double cpu_seconds_of(pid_t pid) {
  const std::string text = read_whole_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream words(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  double user = 0;
  double system = 0;
  words >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void need_descriptors(std::uint64_t count, const std::string& what) {
  constexpr std::uint64_t others = 500;  // RocksDB's files, logs and listeners
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t needed = count + others;
  if (limit.rlim_cur < needed) {
    give_up(std::to_string(count) + " " + what + " need " + std::to_string(needed) +
            " open files a process, and `ulimit -Hn` is " + std::to_string(limit.rlim_cur));
  }
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  const bool bound = fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) give_up("no free port");
  return ntohs(address.sin_port);
}

}  // namespace tally::tools::bench
