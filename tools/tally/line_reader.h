// Lines of a stream, in constant memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tally::tools {

// Fills a buffer and returns how many bytes it wrote: 0 at the end, negative after an error.
using ByteSource = std::function<std::int64_t(char* buffer, std::size_t size)>;

struct Line {
  std::string_view text;     // without its line feed; valid until the next call
  std::uint64_t number = 0;  // from 1
  bool too_long = false;     // `text` holds only the first `line_bytes_max` bytes
};

inline constexpr std::size_t line_bytes_max = 256U << 10U;

class LineReader {
 public:
  explicit LineReader(ByteSource source);
  // The next line, also a last one without a line feed; nothing at the end.
  std::optional<Line> next();
  // Of all lines returned so far, line feeds included.
  std::uint64_t bytes_read() const noexcept { return taken_; }
  // The source ended by an error, not by its end.
  bool failed() const noexcept { return failed_; }

 private:
  bool fill();
  void take(std::size_t bytes);
  bool take_line_feed();
  std::string_view unread() const noexcept { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  ByteSource source_;
  std::string buffer_;
  std::string start_of_long_line_;
  std::size_t begin_ = 0;  // of the bytes not yet returned
  std::size_t end_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace tally::tools
