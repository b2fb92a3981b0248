#include "core/stored_result.h"

#include "core/row.h"

namespace tally {
namespace {

// An encoded Report begins with 1.
constexpr std::uint8_t stored_result_version = 2;

}  // namespace

std::string encode(const StoredResult& result) {
  std::string bytes;
  bytes.reserve(result.head.size() + result.rows.size() + result.tail.size() + result.summary.size() + 128);
  Encoder out(bytes);
  out.u8(stored_result_version);
  write_enum(out, result.format);
  out.text(result.head);
  out.u64(result.parts);
  out.u64(result.part_bytes);
  out.text(result.rows);
  out.text(result.tail);
  out.text(result.etag);
  out.text(result.summary);
  return bytes;
}

Result<StoredResult> decode_stored_result(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != stored_result_version) in.reject();
  StoredResult result;
  result.format = read_enum(in, ReportFormat::xml);
  result.head = read_string(in);
  result.parts = in.u64();
  result.part_bytes = in.u64();
  result.rows = read_string(in);
  result.tail = read_string(in);
  result.etag = read_string(in);
  result.summary = read_string(in);
  if (!in.done()) return fail(Errc::corrupt, "a stored result cannot be read");
  return result;
}

bool is_stored_result(std::string_view bytes) noexcept {
  return !bytes.empty() && static_cast<std::uint8_t>(bytes.front()) == stored_result_version;
}

}  // namespace tally
