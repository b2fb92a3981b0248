#include "http/header_check.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/target.h"

namespace tally::http {
namespace {

constexpr std::size_t method_bytes_max = 32;

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<bool, 256> token_table = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const char ch = static_cast<char>(c);
    table[static_cast<std::size_t>(c)] =
        alphanumeric(ch) || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(ch) != std::string_view::npos);
  }
  return table;
}();

constexpr bool token_char(char c) noexcept {
  return token_table[static_cast<unsigned char>(c)];
}

// Field values may hold visible ASCII, blanks and the obs-text bytes that RFC 9110 tells us to pass through.
constexpr std::array<bool, 256> value_table = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) table[static_cast<std::size_t>(c)] = c == '\t' || (c >= 0x20 && c != 0x7f);
  return table;
}();

constexpr bool value_char(char c) noexcept {
  return value_table[static_cast<unsigned char>(c)];
}

Error malformed_head(std::string detail) {
  return fail(Errc::invalid_argument, std::move(detail), "malformed_request");
}

// Takes the bytes up to CRLF off `rest`.
std::optional<std::string_view> take_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\r');
  if (end == std::string_view::npos || end + 1 >= rest.size() || rest[end + 1] != '\n') return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

Result<int> check_version(std::string_view version) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(version[5]) || version[6] != '.' ||
      !digit(version[7]))
    return malformed_head("the HTTP version is malformed_head");
  if (version[5] != '1' || version[7] > '1')
    return fail(Errc::invalid_argument, "only HTTP/1.0 and HTTP/1.1 are served", "unsupported_version");
  return version[7] - '0';
}

Result<void> check_request_line(std::string_view line, const HeaderBounds& bounds, CheckedHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return malformed_head("the request line has no target and version");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (head.method.size() > method_bytes_max || !is_token(head.method)) return malformed_head("the method is no token");
  if (head.method == "CONNECT" || head.method == "TRACE")
    return malformed_head("this is no proxy: CONNECT and TRACE are refused");
  const auto minor = check_version(line.substr(last + 1));
  if (!minor) return minor.error();
  head.version_minor = *minor;
  if (head.target.size() > bounds.target_bytes_max)
    return fail(Errc::too_large, "the request target is too long", "target_too_long");
  if (!valid_target(head.target)) return malformed_head("the request target is malformed_head");
  return {};
}

// The fields that decide about framing and the connection, gathered while the lines pass.
struct Seen {
  std::optional<std::string_view> host;
  std::optional<std::string_view> transfer_encoding;
  bool close = false;
  bool keep_alive = false;
};

Result<void> note_content_length(std::string_view value, CheckedHead& head) {
  if (head.content_length) return malformed_head("more than one Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (value.empty() || value.size() > 18 || error != std::errc{} || end != value.data() + value.size())
    return malformed_head("Content-Length is no number");
  head.content_length = length;
  return {};
}

Result<void> note_connection(std::string_view value, Seen& seen) {
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim(value.substr(0, comma));
    if (!option.empty() && !is_token(option)) return malformed_head("Connection is no list of tokens");
    if (equals_ignoring_case(option, "close")) seen.close = true;
    if (equals_ignoring_case(option, "keep-alive")) seen.keep_alive = true;
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

Result<void> note_field(std::string_view name, std::string_view value, CheckedHead& head, Seen& seen) {
  switch (name.size()) {  // most fields concern nobody here: their length alone tells
    case 4:
      if (!equals_ignoring_case(name, "host")) return {};
      if (seen.host) return malformed_head("more than one Host");
      seen.host = value;
      return {};
    case 6:
      if (!equals_ignoring_case(name, "expect") || head.version_minor == 0) return {};
      if (!equals_ignoring_case(value, "100-continue"))
        return fail(Errc::invalid_argument, "the only expectation met here is 100-continue", "expectation_failed");
      head.expect_continue = true;
      return {};
    case 10:
      if (equals_ignoring_case(name, "connection")) return note_connection(value, seen);
      return {};
    case 14:
      if (equals_ignoring_case(name, "content-length")) return note_content_length(value, head);
      return {};
    case 17:
      if (!equals_ignoring_case(name, "transfer-encoding")) return {};
      if (seen.transfer_encoding) return malformed_head("more than one Transfer-Encoding");
      seen.transfer_encoding = value;
      return {};
    default:
      return {};
  }
}

Result<void> check_field(std::string_view line, CheckedHead& head, Seen& seen) {
  if (line.front() == ' ' || line.front() == '\t') return malformed_head("a folded header line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return malformed_head("a header line without a colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return malformed_head("a header name is no token");
  const std::string_view value = line.substr(colon + 1);
  if (!std::ranges::all_of(value, value_char)) return malformed_head("a control byte in a header value");
  return note_field(name, trim(value), head, seen);
}

Result<void> conclude(CheckedHead& head, const Seen& seen) {
  if (!seen.host && head.version_minor == 1) return malformed_head("HTTP/1.1 without Host");
  if (seen.host && !valid_authority(*seen.host)) return malformed_head("Host is no host[:port]");
  const std::string_view authority = authority_of(head.target);
  if (!authority.empty() && seen.host && !equals_ignoring_case(authority, *seen.host))
    return malformed_head("the target's authority and Host differ");
  if (seen.transfer_encoding) {
    if (head.version_minor == 0) return malformed_head("Transfer-Encoding in HTTP/1.0");
    if (head.content_length) return malformed_head("Transfer-Encoding beside Content-Length");
    if (!equals_ignoring_case(*seen.transfer_encoding, "chunked"))
      return malformed_head("Transfer-Encoding is not exactly chunked");
    head.chunked = true;
  }
  head.keep_alive = !seen.close && (head.version_minor == 1 || seen.keep_alive);
  return {};
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, token_char);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

HeadScan scan_head(std::string_view bytes, std::size_t& scanned) noexcept {
  while (true) {
    const std::size_t feed = bytes.find('\n', scanned);
    if (feed == std::string_view::npos) {
      scanned = bytes.size();
      return {};
    }
    if (feed == 0 || bytes[feed - 1] != '\r') return {HeadEnd::malformed, 0};
    scanned = feed + 1;
    if (feed == 1 || (feed >= 3 && bytes[feed - 2] == '\n')) return {HeadEnd::complete, feed + 1};
  }
}

Result<CheckedHead> check_head(std::string_view bytes, const HeaderBounds& bounds) {
  if (bytes.size() > bounds.bytes_max) return fail(Errc::too_large, "the header is too large", "header_too_large");
  CheckedHead head;
  Seen seen;
  auto line = take_line(bytes);
  if (!line) return malformed_head("the request line does not end in CR LF");
  if (auto good = check_request_line(*line, bounds, head); !good) return good.error();
  for (std::size_t fields = 0;; ++fields) {
    line = take_line(bytes);
    if (!line) return malformed_head("a header line does not end in CR LF");
    if (line->empty()) break;
    if (fields == bounds.fields_max) return fail(Errc::too_large, "too many header fields", "header_too_large");
    if (auto good = check_field(*line, head, seen); !good) return good.error();
  }
  if (!bytes.empty()) return malformed_head("bytes after the header's end");
  if (auto good = conclude(head, seen); !good) return good.error();
  return head;
}

int refusal_status(const Error& refusal) noexcept {
  if (refusal.rule == "header_too_large") return 431;
  if (refusal.rule == "target_too_long") return 414;
  if (refusal.rule == "unsupported_version") return 505;
  if (refusal.rule == "expectation_failed") return 417;
  return 400;
}

}  // namespace tally::http
