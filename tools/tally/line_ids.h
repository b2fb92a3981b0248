// Event ids for log lines: the same file gives the same ids, however often and however much of it is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tally::tools {

// The id of a line is 32 hex digits of BLAKE2b over its bytes, and for its second, third … equal line "-2", "-3" …. So
// two equal lines are two events, a second run repeats the ids of the first, and lines appended to the log leave the
// earlier ids alone. The hash is a cryptographic one because callers write part of their own log lines and could
// otherwise make two lines one.
//
// Remembers 64 bits of each distinct line: 11 to 22 bytes a line, the only memory of an import that grows with the log.
// Two lines that agree in those 64 bits share a count; their ids still differ.
class LineIds {
 public:
  LineIds();
  std::string next(std::string_view line);

 private:
  bool insert(std::uint64_t key);  // false if it was there
  void grow();

  std::vector<std::uint64_t> slots_;  // open addressing; 0 is free; the size is a power of two
  std::size_t used_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> repeats_;  // lines seen twice or more, and how often
};

}  // namespace tally::tools
