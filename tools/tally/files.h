// Files that the commands read and write.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tools/tally/line_reader.h"

namespace tally::tools {

// A whole file of at most 16 MiB, or with "-" standard input. Errc::not_found when it cannot be opened or read.
Result<std::string> read_file(const std::string& path);

// Takes the bytes of a file one piece after the other. Errc::unavailable when they cannot be written.
using ByteSink = std::function<Result<void>(std::string_view bytes)>;

// An empty file in the place of what was there. The sink owns the open file.
Result<ByteSink> create_file(const std::string& path);

// One line: the file's text without its surrounding blanks. For tokens and secrets.
Result<std::string> read_secret_file(const std::string& path);

// A log to stream from. The source owns the open file.
struct OpenedLog {
  ByteSource source;
  std::optional<std::uint64_t> bytes;  // of a regular file
};
Result<OpenedLog> open_log(const std::string& path);

}  // namespace tally::tools
