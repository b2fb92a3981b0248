// What the header check accepts, Beast must read the same way: one header, one meaning.
#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/header_check.h"
#include "http/server_head.h"
#include "http/target.h"

namespace {

namespace beast_http = boost::beast::http;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

void check_header(std::string_view head) {
  const auto checked = tally::http::check_head(head, {});
  if (!checked) {
    require(tally::http::refusal_status(checked.error()) >= 400);
    return;
  }
  require(!(checked->chunked && checked->content_length));
  require(checked->method != "CONNECT" && checked->method != "TRACE");

  beast_http::request_parser<beast_http::empty_body> parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());
  parser.body_limit(boost::none);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) return;  // it may be stricter; then the server refuses as well
  require(view(parser.get().method_string()) == checked->method);
  require(view(parser.get().target()) == checked->target);
  require(parser.chunked() == checked->chunked);
  require(parser.content_length().has_value() == (checked->content_length.has_value()));
  if (checked->content_length) require(*parser.content_length() == *checked->content_length);
  if (checked->keep_alive && parser.get().count(beast_http::field::proxy_connection) == 0) require(parser.keep_alive());

  tally::http::Request request;
  require(tally::http::fill_head(head, request));
  require(request.path.starts_with('/'));
  for (std::string_view rest = request.path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    require(segment != "." && segment != "..");
    rest.remove_prefix(segment.size());
  }
  require(std::ranges::none_of(request.path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
}

// Cut anywhere, a header ends at the same place.
void check_scan(std::string_view bytes, std::size_t cut) {
  std::size_t scanned = 0;
  const auto whole = tally::http::scan_head(bytes, scanned);
  scanned = 0;
  auto pieces = tally::http::scan_head(bytes.substr(0, cut), scanned);
  if (pieces.state == tally::http::HeadEnd::incomplete) pieces = tally::http::scan_head(bytes, scanned);
  require(pieces.state == whole.state && pieces.size == whole.size);
  if (whole.state == tally::http::HeadEnd::complete) check_header(bytes.substr(0, whole.size));
}

// Cut anywhere, a chunked body means the same, and never more than its limit.
void check_chunks(std::string_view bytes, std::size_t cut) {
  constexpr std::size_t limit = 1000;
  tally::http::ChunkDecoder at_once(limit);
  std::string_view rest = bytes;
  std::string body;
  const auto state = at_once.feed(rest, body);
  require(body.size() <= limit);
  tally::http::ChunkDecoder in_pieces(limit);
  std::string_view first = bytes.substr(0, cut);
  std::string pieces;
  auto second_state = in_pieces.feed(first, pieces);
  std::size_t used = cut - first.size();
  if (second_state == tally::http::ChunkDecoder::State::more) {
    std::string_view second = bytes.substr(cut);
    const std::size_t offered = second.size();
    second_state = in_pieces.feed(second, pieces);
    used += offered - second.size();
  }
  require(second_state == state && pieces == body && used == bytes.size() - rest.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = size == 0 ? 0 : data[size - 1] % (size + 1);
  check_header(bytes);
  check_scan(bytes, cut);
  check_chunks(bytes, cut);
  return 0;
}
