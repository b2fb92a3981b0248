#include "tools/tally/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace tally::tools {
namespace {

constexpr std::size_t file_bytes_max = 16U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::int64_t read_some(int fd, char* buffer, std::size_t size) {
  while (true) {
    const ssize_t got = ::read(fd, buffer, size);
    if (got >= 0 || errno != EINTR) return got;
  }
}

}  // namespace

Result<OpenedLog> open_log(const std::string& path) {
  const auto file =
      std::make_shared<Descriptor>(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (file->get() < 0 || ::fstat(file->get(), &facts) != 0)
    return fail(Errc::not_found, path + ": " + std::strerror(errno));
  if (S_ISDIR(facts.st_mode)) return fail(Errc::not_found, path + ": is a directory");
  OpenedLog log;
  log.source = [file](char* buffer, std::size_t size) { return read_some(file->get(), buffer, size); };
  if (S_ISREG(facts.st_mode)) log.bytes = static_cast<std::uint64_t>(facts.st_size);
  return log;
}

Result<std::string> read_file(const std::string& path) {
  auto file = open_log(path);
  if (!file) return file.error();
  std::string text;
  std::string buffer(64U << 10U, '\0');
  while (true) {
    const std::int64_t got = file->source(buffer.data(), buffer.size());
    if (got < 0) return fail(Errc::not_found, path + ": " + std::strerror(errno));
    if (got == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(got));
    if (text.size() > file_bytes_max) return fail(Errc::not_found, path + ": is larger than 16 MiB");
  }
}

Result<ByteSink> create_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail(Errc::unavailable, std::strerror(errno));
  return ByteSink([file = std::make_shared<Descriptor>(fd)](std::string_view bytes) -> Result<void> {
    while (!bytes.empty()) {
      const ssize_t some = ::write(file->get(), bytes.data(), bytes.size());
      if (some < 0 && errno == EINTR) continue;
      if (some <= 0) return fail(Errc::unavailable, std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(some));
    }
    return {};
  });
}

Result<std::string> read_secret_file(const std::string& path) {
  auto text = read_file(path);
  if (!text) return text.error();
  const std::size_t begin = text->find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return fail(Errc::not_found, path + ": is empty");
  return text->substr(begin, text->find_last_not_of(" \t\r\n") + 1 - begin);
}

}  // namespace tally::tools
