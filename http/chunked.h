// Undoes `Transfer-Encoding: chunked`. Pure. (Beast 1.81's own decoder asserts on a last chunk that arrives byte by
// byte, and merges trailers into the header.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tally::http {

class ChunkDecoder {
 public:
  enum class State : std::uint8_t { more, done, malformed, too_large };

  explicit ChunkDecoder(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Reads as much of `input` as belongs to the body, appends the data to `body` and takes the bytes it used off the
  // front of `input`; what is left after `done` is the next request. Chunk extensions and trailers are dropped;
  // together they may take 8 KiB in one body, past that it is malformed. Bare LF, blanks and signs in a chunk size are
  // malformed.
  State feed(std::string_view& input, std::string& body);

 private:
  enum class Expect : std::uint8_t {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    end_lf
  };

  State step(char c);

  Expect expect_ = Expect::size;
  std::uint64_t chunk_left_ = 0;
  int size_digits_ = 0;
  std::size_t overhead_ = 0;  // bytes of extensions and trailers so far
  std::size_t body_bytes_max_;
};

// `bytes` as one chunk. They must not be empty, as that would be the last chunk.
std::string chunk_of(std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace tally::http
