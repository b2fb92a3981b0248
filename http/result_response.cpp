#include "http/result_response.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/answers.h"
#include "http/body_stream.h"
#include "http/gzip.h"
#include "http/problem.h"
#include "http/report_format.h"
#include "http/report_wire.h"

namespace tally::http {

namespace {

constexpr std::uint64_t piece_bytes = 256 * 1024;
constexpr std::uint64_t whole_bytes_max = 256 * 1024;  // read at once, on the thread that asks
constexpr std::size_t waiting_bytes_max = 4 * piece_bytes;
constexpr std::uint64_t gzip_bytes_min = 1024;

struct ByteRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;  // exclusive
};

std::optional<std::uint64_t> range_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || last != text.data() + text.size()) return std::nullopt;
  return number;
}

// Of `bytes=from-to`, `bytes=from-` or `bytes=-last`: the bytes that are meant, which may be none of `size`
// (from == to). Nothing for any other form.
std::optional<ByteRange> parse_range(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=")) return std::nullopt;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = range_number(header.substr(0, dash));
  const auto last = range_number(header.substr(dash + 1));
  if (dash == 0) {
    if (!last) return std::nullopt;
    return ByteRange{size - std::min(*last, size), size};
  }
  if (!first || (dash + 1 < header.size() && !last) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) return ByteRange{size, size};
  return ByteRange{*first, last ? std::min(*last, size - 1) + 1 : size};
}

// Whether an If-None-Match has the tag; compared weakly, as RFC 9110 says.
bool names_tag(std::string_view header, std::string_view tag) {
  if (header == "*") return true;
  while (!header.empty()) {
    std::string_view item = header.substr(0, header.find(','));
    header.remove_prefix(std::min(item.size() + 1, header.size()));
    item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
    item = item.substr(0, item.find_last_not_of(" \t") + 1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

// A range of the bytes, packed or as they are, a piece at a time.
class ResultPieces {
 public:
  ResultPieces(std::shared_ptr<const ResultBytes> bytes, ByteRange range, bool packed)
      : bytes_(std::move(bytes)), range_(range) {
    if (packed) gzip_.emplace();
  }

  // Everything at once.
  Result<std::string> whole() {
    std::string body;
    while (true) {
      auto next = take();
      if (!next) return next;
      if (next->empty()) return body;
      body += *next;
    }
  }

  // The next piece; empty: there is none.
  Result<std::string> take() {
    while (range_.from < range_.to) {
      auto bytes = bytes_->read(range_.from, std::min(piece_bytes, range_.to - range_.from));
      if (!bytes) return bytes;
      range_.from += bytes->size();
      if (!gzip_) return bytes;
      std::string packed;
      gzip_->add(*bytes, packed);
      if (!packed.empty()) return packed;
    }
    std::string end;
    if (gzip_ && !finished_) gzip_->finish(end);
    finished_ = true;
    return end;
  }

 private:
  std::shared_ptr<const ResultBytes> bytes_;
  ByteRange range_;
  std::optional<Gzip> gzip_;
  bool finished_ = false;
};

// Hands one piece after the other to a body's writer, the next one when the last is on its way.
class ResultFeed : public std::enable_shared_from_this<ResultFeed> {
 public:
  ResultFeed(ResultPieces pieces, std::shared_ptr<BodyWriter> writer, queue::Executor execute)
      : pieces_(std::move(pieces)), writer_(std::move(writer)), execute_(std::move(execute)) {}

  void go_on() {
    execute_([self = shared_from_this()] { self->feed(); });
  }

 private:
  void feed() {
    auto piece = pieces_.take();
    if (!piece) return writer_->fail();
    if (piece->empty()) return writer_->end();
    if (writer_->write(*piece)) writer_->on_taken([self = shared_from_this()] { self->go_on(); });
  }

  ResultPieces pieces_;
  std::shared_ptr<BodyWriter> writer_;
  queue::Executor execute_;
};

}  // namespace

Response result_response(const Request& request, const std::shared_ptr<const ResultBytes>& bytes,
                         const queue::Executor& execute) {
  const std::uint64_t size = bytes->size();
  const std::string tag = "\"" + bytes->result().etag + "\"";
  const std::string packed_tag = "\"" + bytes->result().etag + "-gzip\"";
  const auto wanted = request.header("range");
  const auto if_range = request.header("if-range");
  ByteRange part{0, size};
  bool ranged = false;
  if (wanted && (!if_range || *if_range == tag)) {
    if (const auto asked = parse_range(*wanted, size)) {
      part = *asked;
      ranged = true;
    }
  }
  const bool packed = !ranged && size >= gzip_bytes_min && accepts_gzip(request.header("accept-encoding").value_or(""));

  Response response;
  if (ranged && part.from == part.to) {
    response = problem(416, "range_not_satisfiable", "the result has " + std::to_string(size) + " bytes");
    response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return response;
  }
  const auto known = request.header("if-none-match");
  if (known && (names_tag(*known, tag) || names_tag(*known, packed_tag))) {
    response.status = 304;
  } else {
    response.status = ranged ? 206 : 200;
    response.content_type = content_type_of(bytes->result().format);
    ResultPieces pieces(bytes, part, packed);
    if (part.to - part.from <= whole_bytes_max) {
      auto body = pieces.whole();
      if (!body) return problem(body.error());
      response.body = std::move(*body);
    } else {
      auto [writer, reader] = make_body_stream(waiting_bytes_max);
      response.stream = std::move(reader);
      if (!packed) response.stream_bytes = part.to - part.from;
      std::make_shared<ResultFeed>(std::move(pieces), std::move(writer), execute)->go_on();
    }
    if (ranged) {
      response.headers.emplace_back("Content-Range", "bytes " + std::to_string(part.from) + "-" +
                                                         std::to_string(part.to - 1) + "/" + std::to_string(size));
    }
    if (packed) response.headers.emplace_back("Content-Encoding", "gzip");
  }
  response.headers.emplace_back("ETag", packed ? packed_tag : tag);
  response.headers.emplace_back("Accept-Ranges", "bytes");
  response.headers.emplace_back("Vary", "Accept-Encoding");
  return response;
}

Response poll_response(const queue::Jobs& jobs, const Job& job) {
  std::string result;
  if (job.status == JobStatus::completed) {
    auto stored = jobs.result(job.account, job.id);
    if (!stored) return problem(stored.error());
    result = std::move(*stored);
  }
  Response response = json_response(200, job_json(job, result));
  if (!job.finished()) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response stored_result_response(const queue::Jobs& jobs, const Job& job, const Request& request,
                                const queue::Executor& execute) {
  if (job.status != JobStatus::completed) {
    return problem(409, "not_completed",
                   "this report has no result; its status is " + std::string(to_string(job.status)));
  }
  const auto stored = jobs.result(job.account, job.id);
  if (!stored) return problem(stored.error());
  auto result = read_result(job, *stored);
  if (!result) return problem(result.error());
  return result_response(request, std::make_shared<const ResultBytes>(jobs, job, std::move(*result)), execute);
}

}  // namespace tally::http
