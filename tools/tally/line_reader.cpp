#include "tools/tally/line_reader.h"

#include <algorithm>
#include <cstring>

namespace tally::tools {

LineReader::LineReader(ByteSource source) : source_(std::move(source)), buffer_(2 * line_bytes_max, '\0') {}

std::optional<Line> LineReader::next() {
  std::size_t length = 0;
  while ((length = unread().find('\n', length)) == std::string_view::npos) {
    length = unread().size();
    if (length > line_bytes_max || !fill()) break;
  }
  if (unread().empty()) return std::nullopt;
  length = std::min(length, unread().size());
  Line line{unread().substr(0, length), ++number_, length > line_bytes_max};
  if (line.too_long) {
    start_of_long_line_ = line.text.substr(0, line_bytes_max);
    line.text = start_of_long_line_;
  }
  take(length);
  while (!take_line_feed() && fill()) take(std::min(unread().find('\n'), unread().size()));
  return line;
}

void LineReader::take(std::size_t bytes) {
  begin_ += bytes;
  taken_ += bytes;
}

bool LineReader::take_line_feed() {
  if (!unread().starts_with('\n')) return false;
  take(1);
  return true;
}

bool LineReader::fill() {
  if (ended_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::int64_t got = source_(buffer_.data() + end_, buffer_.size() - end_);
  if (got <= 0) {
    ended_ = true;
    failed_ = got < 0;
    return false;
  }
  end_ += static_cast<std::size_t>(got);
  return true;
}

}  // namespace tally::tools
