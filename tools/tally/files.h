// Files that the commands read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "tools/tally/line_reader.h"

namespace tally::tools {

// A whole file of at most 16 MiB, or with "-" standard input. Errc::not_found when it cannot be opened or read.
Result<std::string> read_file(const std::string& path);

// The whole file anew. Errc::unavailable when it cannot be made or written whole.
Result<void> write_file(const std::string& path, const std::string& bytes);

// One line: the file's text without its surrounding blanks. For tokens and secrets.
Result<std::string> read_secret_file(const std::string& path);

// A log to stream from. The source owns the open file.
struct OpenedLog {
  ByteSource source;
  std::optional<std::uint64_t> bytes;  // of a regular file
};
Result<OpenedLog> open_log(const std::string& path);

}  // namespace tally::tools
