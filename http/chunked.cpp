#include "http/chunked.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.h"

namespace tally::http {
namespace {

constexpr std::size_t overhead_bytes_max = 8 * 1024;
constexpr int size_digits_max = 15;

bool control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

ChunkDecoder::State ChunkDecoder::feed(std::string_view& input, std::string& body) {
  while (!input.empty()) {
    if (expect_ == Expect::data) {
      const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, input.size()));
      body.append(input.substr(0, take));
      input.remove_prefix(take);
      chunk_left_ -= take;
      if (chunk_left_ == 0) expect_ = Expect::data_cr;
      continue;
    }
    const State state = step(input.front());
    if (state == State::malformed) return state;
    input.remove_prefix(1);
    if (state == State::done) return state;
    // Judged when the size line ends, before a byte of the chunk is kept.
    if (expect_ == Expect::data && chunk_left_ > body_bytes_max_ - std::min(body_bytes_max_, body.size()))
      return State::too_large;
  }
  return State::more;
}

ChunkDecoder::State ChunkDecoder::step(char c) {
  const auto go = [this](bool allowed, Expect next) {
    expect_ = next;
    return allowed ? State::more : State::malformed;
  };
  const auto skip = [this, c] {
    return control(c) || ++overhead_ > overhead_bytes_max ? State::malformed : State::more;
  };
  switch (expect_) {
    case Expect::size: {
      if (const int digit = hex_value(c); digit >= 0) {
        chunk_left_ = chunk_left_ * 16 + static_cast<unsigned>(digit);
        return ++size_digits_ > size_digits_max ? State::malformed : State::more;
      }
      if (size_digits_ == 0) return State::malformed;
      if (c == '\r') return go(true, Expect::size_lf);
      return go(c == ';', Expect::extension);
    }
    case Expect::extension:
      return c == '\r' ? go(true, Expect::size_lf) : skip();
    case Expect::size_lf:
      size_digits_ = 0;
      return go(c == '\n', chunk_left_ == 0 ? Expect::trailer_start : Expect::data);
    case Expect::data:
      return State::malformed;  // feed() copies data itself
    case Expect::data_cr:
      return go(c == '\r', Expect::data_lf);
    case Expect::data_lf:
      return go(c == '\n', Expect::size);
    case Expect::trailer_start:
      if (c == '\r') return go(true, Expect::end_lf);
      expect_ = Expect::trailer;
      return skip();
    case Expect::trailer:
      return c == '\r' ? go(true, Expect::trailer_lf) : skip();
    case Expect::trailer_lf:
      return go(c == '\n', Expect::trailer_start);
    case Expect::end_lf:
      return c == '\n' ? State::done : State::malformed;
  }
  return State::malformed;
}

std::string chunk_of(std::string_view bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string chunk;
  chunk.reserve(bytes.size() + 24);
  chunk.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
  return chunk;
}

}  // namespace tally::http
