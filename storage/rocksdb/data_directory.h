// The directory that holds a store: FORMAT says how its bytes are to be read, LOCK is held by the process that uses it,
// db/ is RocksDB's.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace tally::storage {

// The format that this program writes. Raise it with any change of keys or rows that older programs cannot read.
inline constexpr std::uint32_t format_number = 1;

// Holds the lock until destroyed. Move-only.
class DataDirectory {
 public:
  // Creates what is missing, takes the lock and checks the format.
  // Errc::conflict: another process, or another store of this one, uses the directory.
  // Errc::invalid_argument: another format than this program's.
  // Errc::corrupt: FORMAT is missing beside a database, or holds something else.
  // Errc::unavailable: the file system refuses.
  static Result<DataDirectory> open(const std::string& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const noexcept { return path_; }
  std::string database_path() const { return path_ + "/db"; }

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_;
};

}  // namespace tally::storage
