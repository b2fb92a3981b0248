#include "storage/packed_bytes.h"

#include <lz4.h>

#include <limits>

#include "core/codec.h"

namespace tally::storage {

namespace {

// Nothing that is stored begins so: results begin with the number of their form, their parts with printed characters.
constexpr std::string_view packed_mark = "\xfelz4";
constexpr std::size_t header_bytes = packed_mark.size() + 4;
constexpr std::size_t packed_at_least_bytes = 1024;
constexpr std::size_t unpacked_max_bytes = 256 << 20;

Error unreadable_pack() {
  return fail(Errc::corrupt, "packed bytes cannot be read");
}

}  // namespace

std::string packed(std::string bytes) {
  const bool marked = bytes.starts_with(packed_mark);
  if ((bytes.size() < packed_at_least_bytes && !marked) || bytes.size() > unpacked_max_bytes) return bytes;
  std::string pack(packed_mark);
  append_be32(pack, static_cast<std::uint32_t>(bytes.size()));
  const int room = LZ4_compressBound(static_cast<int>(bytes.size()));
  pack.resize(header_bytes + static_cast<std::size_t>(room));
  const int size = LZ4_compress_default(bytes.data(), pack.data() + header_bytes, static_cast<int>(bytes.size()), room);
  pack.resize(header_bytes + static_cast<std::size_t>(size));
  // Bytes that begin as packed ones do must not be taken for such.
  if (pack.size() >= bytes.size() && !marked) return bytes;
  pack.shrink_to_fit();
  return pack;
}

Result<std::string> unpacked(std::string_view bytes) {
  if (!bytes.starts_with(packed_mark)) return std::string(bytes);
  if (bytes.size() < header_bytes) return unreadable_pack();
  const std::size_t size = read_be32(bytes.substr(packed_mark.size()));
  const std::string_view pack = bytes.substr(header_bytes);
  if (size > unpacked_max_bytes || pack.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return unreadable_pack();
  std::string whole(size, '\0');
  const int read =
      LZ4_decompress_safe(pack.data(), whole.data(), static_cast<int>(pack.size()), static_cast<int>(size));
  if (read < 0 || static_cast<std::size_t>(read) != size) return unreadable_pack();
  return whole;
}

}  // namespace tally::storage
