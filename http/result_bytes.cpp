#include "http/result_bytes.h"

#include <algorithm>

namespace tally::http {

ResultBytes::ResultBytes(const queue::Jobs& jobs, const Job& job, StoredResult result)
    : jobs_(jobs), account_(job.account), id_(job.id), result_(std::move(result)) {}

Result<std::string> ResultBytes::read(std::uint64_t offset, std::uint64_t at_most) const {
  const auto cut = [&](std::string_view bytes, std::uint64_t begins_at) {
    return std::string(bytes.substr(static_cast<std::size_t>(offset - begins_at), static_cast<std::size_t>(at_most)));
  };
  const std::uint64_t parts_begin = result_.head.size();
  const std::uint64_t rows_begin = parts_begin + result_.part_bytes;
  const std::uint64_t tail_begin = rows_begin + result_.rows.size();
  if (offset < parts_begin) return cut(result_.head, 0);
  if (offset >= tail_begin) return cut(result_.tail, tail_begin);
  if (offset >= rows_begin) return cut(result_.rows, rows_begin);
  std::string bytes;
  auto read = jobs_.read_parts(account_, id_, result_.parts, offset - parts_begin,
                               [&](std::uint64_t begins_at, std::string_view part) {
                                 if (offset < parts_begin + begins_at + part.size())
                                   bytes = cut(part, parts_begin + begins_at);
                                 return false;
                               });
  if (!read) return read.error();
  if (bytes.empty() && at_most > 0)
    return fail(Errc::corrupt, "a part of the result of " + id_.str() + " is too short");
  return bytes;
}

}  // namespace tally::http
