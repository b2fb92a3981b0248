#include "core/codec.h"

#include <array>
#include <cassert>

namespace tally {

void Encoder::long_u64(std::uint64_t v) {
  std::array<char, 10> buffer;
  std::size_t size = 0;
  while (v >= 0x80) {
    buffer[size++] = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  buffer[size++] = static_cast<char>(v);
  out_.append(buffer.data(), size);
}

std::uint8_t Decoder::u8() {
  if (rest_.empty()) {
    reject();
    return 0;
  }
  const auto v = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return v;
}

std::uint64_t Decoder::long_u64() {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < rest_.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(rest_[i]);
    // The tenth byte holds one bit; and a number has one spelling, so a last byte of zero is refused.
    if (i == 9 && byte > 1) break;
    v |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) break;
      rest_.remove_prefix(i + 1);
      return v;
    }
  }
  reject();
  return 0;
}

std::string_view Decoder::text() {
  const std::uint64_t size = u64();
  if (size > rest_.size()) {
    reject();
    return {};
  }
  return raw(static_cast<std::size_t>(size));
}

std::string_view Decoder::raw(std::size_t size) {
  if (size > rest_.size()) {
    reject();
    return {};
  }
  const std::string_view v = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return v;
}

void append_be32(std::string& out, std::uint32_t v) {
  const char bytes[] = {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                        static_cast<char>(v)};
  out.append(bytes, sizeof bytes);
}

void append_be64(std::string& out, std::uint64_t v) {
  append_be32(out, static_cast<std::uint32_t>(v >> 32));
  append_be32(out, static_cast<std::uint32_t>(v));
}

std::uint32_t read_be32(std::string_view bytes) noexcept {
  assert(bytes.size() >= 4);
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = (v << 8) | static_cast<std::uint8_t>(bytes[i]);
  return v;
}

std::uint64_t read_be64(std::string_view bytes) noexcept {
  assert(bytes.size() >= 8);
  return (std::uint64_t{read_be32(bytes)} << 32) | read_be32(bytes.substr(4));
}

}  // namespace tally
