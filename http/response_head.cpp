#include "http/response_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/header_check.h"
#include "http/problem.h"

namespace tally::http {
namespace {

constexpr std::size_t request_id_bytes_max = 128;

void append_number(std::string& out, std::size_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool harmless(const Field& field) noexcept {
  return is_token(field.first) && std::ranges::none_of(field.second, [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
         });
}

}  // namespace

bool may_have_body(int status) noexcept {
  return status != 204 && status != 304;
}

bool sane_request_id(std::string_view id) noexcept {
  const auto sane = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("._~:+/=@-").find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= request_id_bytes_max && std::ranges::all_of(id, sane);
}

std::string make_request_id(Random& random) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id(16, '0');
  std::uint64_t bits = random.next();
  for (char& c : id) {
    c = digits[bits & 15];
    bits >>= 4;
  }
  return id;
}

void append_response_head(std::string& out, const Response& response, const HeadFacts& facts) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out.append(" ").append(reason_phrase(response.status)).append("\r\nServer: tally\r\n");
  append_field(out, "Date", facts.date);
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  if (facts.chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (may_have_body(response.status) && (!response.stream || response.stream_bytes)) {
    out += "Content-Length: ";
    append_number(out, response.stream_bytes.value_or(response.body.size()));
    out += "\r\n";
  }
  append_field(out, "X-Request-Id", facts.request_id);
  if (!facts.keep_alive)
    out += "Connection: close\r\n";
  else if (facts.version_minor == 0)
    out += "Connection: keep-alive\r\n";
  for (const Field& field : response.headers)
    if (harmless(field)) append_field(out, field.first, field.second);
  out += "\r\n";
}

}  // namespace tally::http
