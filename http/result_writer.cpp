#include "http/result_writer.h"

#include <algorithm>

#include "http/digest.h"

namespace tally::http {

namespace {

constexpr std::size_t part_bytes_max = 4 * result_part_bytes;

}  // namespace

ResultWriter::ResultWriter(ReportFormat format, const TableShape& shape, std::uint64_t bytes_max,
                           queue::JobContext* context)
    : format_(format), encoder_(make_encoder(format, shape)), bytes_max_(bytes_max), context_(context) {
  rows_ = encoder_->before_rows();
}

Result<void> ResultWriter::resume(const queue::JobContext::Progress& progress, const ReadParts& read_parts) {
  if (progress.parts == 0) return {};
  rows_.clear();
  saved_parts_ = progress.parts;
  saved_bytes_ = progress.bytes;
  first_ = progress.bytes <= encoder_->before_rows().size();
  std::uint64_t bytes = 0;
  auto read = read_parts([&](std::string_view part) {
    digest_.add(part);
    bytes += part.size();
    return true;
  });
  if (read && bytes != progress.bytes) return fail(Errc::corrupt, "the saved parts of a result are not what was saved");
  return read;
}

Result<void> ResultWriter::check_size() const {
  if (saved_bytes_ + rows_.size() <= bytes_max_) return {};
  return fail(Errc::too_large, "the result is larger than this server keeps", "result_too_large");
}

Result<void> ResultWriter::row(const TableRow& row) {
  encoder_->row(rows_, row, first_);
  first_ = false;
  return check_size();
}

Result<void> ResultWriter::save(std::string checkpoint, std::uint64_t done, std::uint64_t total) {
  digest_.add(rows_);
  queue::Jobs::Saved saved{{}, std::move(checkpoint), done, total};
  for (std::size_t at = 0; at < rows_.size(); at += part_bytes_max)
    saved.parts.push_back(rows_.substr(at, part_bytes_max));
  saved_parts_ += saved.parts.size();
  saved_bytes_ += rows_.size();
  rows_.clear();
  return context_->save(std::move(saved));
}

Result<std::string> ResultWriter::finish(Members facts, const Members& totals) {
  rows_ += encoder_->after_rows();
  StoredResult result;
  result.format = format_;
  digest_.add(rows_);
  result.parts = saved_parts_;
  result.part_bytes = saved_bytes_;
  result.rows = std::move(rows_);
  const std::string digest = to_hex(digest_.finish());
  const auto as_of = std::find_if(facts.begin(), facts.end(), [](const auto& fact) { return fact.first == "as_of"; });
  const Cell as_of_cell = as_of->second;
  facts.insert(std::next(as_of), {"digest", Cell::of(digest)});
  result.head = encoder_->head(facts);
  result.tail = encoder_->tail(totals);
  result.etag = sha256_hex(std::string(to_string(format_)) + result.head + digest + result.tail);
  const std::string totals_json = members_json(totals);
  result.summary = members_json({{"as_of", as_of_cell},
                                 {"digest", Cell::of(digest)},
                                 {"bytes", Cell::of(static_cast<std::int64_t>(result.bytes()))},
                                 {"totals", Cell::json(totals_json)}});
  return encode(result);
}

}  // namespace tally::http
