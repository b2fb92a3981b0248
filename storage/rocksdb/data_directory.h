// The directory that holds a store: FORMAT says how its bytes are to be read, LOCK is held by the process that uses it,
// db/ is RocksDB's.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace tally::storage {

// The format that this program writes. Raise it with any change of keys or rows that older programs cannot read, and
// say in migration.cpp how they are made of the older ones.
//   1  a rollup's row was one series; jobs and deliveries as they were before their third version
inline constexpr std::uint32_t format_number = 2;
inline constexpr std::uint32_t oldest_format_number = 1;

// Holds the lock until destroyed. Move-only.
class DataDirectory {
 public:
  // Creates what is missing, takes the lock and checks the format.
  // Errc::conflict: another process, or another store of this one, uses the directory.
  // Errc::invalid_argument: a newer format than this program's, or one too old.
  // Errc::corrupt: FORMAT is missing beside a database, or holds something else.
  // Errc::unavailable: the file system refuses.
  static Result<DataDirectory> open(const std::string& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const noexcept { return path_; }
  // Older than format_number: the database has to be migrated before it is used, which set_migrated() then records.
  std::uint32_t format() const noexcept { return format_; }
  Result<void> set_migrated();
  std::string database_path() const { return path_ + "/db"; }

 private:
  DataDirectory(std::string path, std::uint32_t format, int lock_fd)
      : path_(std::move(path)), format_(format), lock_fd_(lock_fd) {}
  std::string path_;
  std::uint32_t format_;
  int lock_fd_;
};

}  // namespace tally::storage
