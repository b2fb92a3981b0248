// The bytes of stored rows: varints and length-prefixed text, in the order the fields are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tally {

// Appends to a string that the caller owns.
class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void u64(std::uint64_t v) {  // LEB128
    if (v < 0x80) return u8(static_cast<std::uint8_t>(v));
    long_u64(v);
  }
  void i64(std::int64_t v) {
    u64((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }                                // zigzag
  void text(std::string_view v) {  // length as u64, then the bytes
    u64(v.size());
    raw(v);
  }
  void raw(std::string_view v) { out_.append(v); }

 private:
  void long_u64(std::uint64_t v);
  std::string& out_;
};

// Reads what Encoder wrote. After the first failure every read gives zero or empty and ok() is false, so a caller
// checks once, at the end.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  std::uint8_t u8();
  bool boolean() { return u8() != 0; }
  std::uint64_t u64() {  // refuses more than 64 bits and spellings longer than needed
    if (rest_.empty() || static_cast<std::uint8_t>(rest_.front()) >= 0x80) return long_u64();
    const auto v = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return v;
  }
  std::int64_t i64() {
    const std::uint64_t v = u64();
    return static_cast<std::int64_t>((v >> 1) ^ (0 - (v & 1)));
  }
  std::string_view text();  // a view into the bytes given to the constructor
  std::string_view raw(std::size_t size);
  bool ok() const noexcept { return ok_; }
  bool done() const noexcept { return ok_ && rest_.empty(); }
  std::string_view rest() const noexcept { return rest_; }
  // For a value that was read but cannot be: counts as a failed read.
  void reject() noexcept {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::uint64_t long_u64();
  std::string_view rest_;
  bool ok_ = true;
};

// Big-endian, so that keys sort as numbers do.
void append_be32(std::string& out, std::uint32_t v);
void append_be64(std::string& out, std::uint64_t v);
std::uint32_t read_be32(std::string_view bytes) noexcept;  // the first 4 bytes, which must be there
std::uint64_t read_be64(std::string_view bytes) noexcept;  // the first 8 bytes, which must be there

}  // namespace tally
