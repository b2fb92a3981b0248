#include "storage/rocksdb/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace tally::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view format_word = "tally-data ";

Error io_error(const std::string& what, int error) {
  return fail(Errc::unavailable, what + ": " + std::generic_category().message(error));
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<void> sync_directory(const std::string& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || ::fsync(directory.fd()) != 0) return io_error("cannot sync " + path, errno);
  return {};
}

Result<void> create(const std::string& path) {
  std::error_code error;
  const bool created = fs::create_directories(path, error);
  if (error) return fail(Errc::unavailable, "cannot create " + path + ": " + error.message());
  if (!created) return {};
  fs::permissions(path, fs::perms::owner_all, error);
  // The rows hold secrets and bills, so a directory of ours that others can read is an error.
  if (error) return fail(Errc::unavailable, "cannot protect " + path + ": " + error.message());
  return sync_directory(fs::absolute(path).parent_path().string());
}

Result<void> write_format(const std::string& directory) {
  const std::string temporary = directory + "/FORMAT.new";
  const std::string text = std::string(format_word) + std::to_string(format_number) + "\n";
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) return io_error("cannot create " + temporary, errno);
    if (::write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(file.fd()) != 0) {
      return io_error("cannot write " + temporary, errno);
    }
  }
  if (::rename(temporary.c_str(), (directory + "/FORMAT").c_str()) != 0) {
    return io_error("cannot rename " + temporary, errno);
  }
  return sync_directory(directory);
}

Result<std::uint32_t> parse_format(const std::string& path, std::string_view text) {
  const Error damaged =
      fail(Errc::corrupt, path + " holds no format number: restore it from a backup of the directory");
  if (!text.starts_with(format_word)) return damaged;
  text.remove_prefix(format_word.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || std::string_view(end, text.data() + text.size()) != "\n") return damaged;
  return number;
}

Result<std::uint32_t> check_format(const std::string& directory) {
  const std::string path = directory + "/FORMAT";
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    // FORMAT is written before the database, so only a directory without one is new.
    if (fs::exists(directory + "/db"))
      return fail(Errc::corrupt, path + " is missing: restore it from a backup of the directory");
    if (auto written = write_format(directory); !written) return written.error();
    return format_number;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto number = parse_format(path, text);
  if (!number) return number.error();
  if (oldest_format_number <= *number && *number <= format_number) return *number;
  return fail(Errc::invalid_argument, directory + " has data format " + std::to_string(*number) +
                                          ", this program reads formats up to " + std::to_string(format_number) +
                                          ": use a " + (*number > format_number ? "newer" : "older") + " program");
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path) {
  if (auto ok = create(path); !ok) return ok.error();
  // A lock of our own, besides RocksDB's, so that FORMAT is read under it and a refusal needs no guess from an error
  // text.
  File lock(path + "/LOCK", O_RDWR | O_CREAT);
  if (!lock.is_open()) return io_error("cannot open " + path + "/LOCK", errno);
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(Errc::conflict, path + " is in use by another process");
    return io_error("cannot lock " + path, errno);
  }
  const auto format = check_format(path);
  if (!format) return format.error();
  return DataDirectory(path, *format, lock.release());
}

Result<void> DataDirectory::set_migrated() {
  if (auto written = write_format(path_); !written) return written;
  format_ = format_number;
  return {};
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), format_(other.format_), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

}  // namespace tally::storage
