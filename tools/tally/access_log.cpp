#include "tools/tally/access_log.h"

#include "core/text.h"

#include <array>
#include <charconv>
#include <optional>

namespace tally::tools {
namespace {

Error bad_log_line(const char* why) {
  return fail(Errc::invalid_argument, why);
}

// RFC 9110 tchar: what a method is made of.
constexpr bool is_token(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// `width` digits at `at`, or -1.
int fixed_number(std::string_view text, std::size_t at, std::size_t width) noexcept {
  int value = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

int month_number(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 12> names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<int>(i) + 1;
  }
  return 0;
}

std::string_view or_empty(std::string_view field) noexcept {
  return field == "-" ? std::string_view() : field;
}

// Whether an odd run of backslashes stands before the quote at `at`.
bool is_escaped(std::string_view text, std::size_t at) noexcept {
  bool escaped = false;
  while (at > 1 && text[--at] == '\\') escaped = !escaped;
  return escaped;
}

// Takes `"…"` off the front of `rest` and returns what is between the quotes; nothing if no closing quote follows.
std::optional<std::string_view> take_quoted(std::string_view& rest) noexcept {
  std::size_t end = rest.find('"', 1);
  while (end != std::string_view::npos && is_escaped(rest, end)) end = rest.find('"', end + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return field;
}

// Takes the text up to the next blank, and the blank.
std::string_view take_word(std::string_view& rest) noexcept {
  const std::size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

bool take_blank_and_quote(std::string_view& rest) noexcept {
  if (!rest.starts_with(" \"")) return false;
  rest.remove_prefix(1);
  return true;
}

Result<void> take_client(std::string_view& rest, AccessLine& out) {
  out.remote = take_word(rest);
  if (out.remote.empty() || out.remote == "-") return bad_log_line("client address is missing");
  const std::string_view ident = take_word(rest);
  // A user name may hold blanks, and even a bracket, so it ends where the time begins.
  const std::size_t bracket = rest.find(" [");
  if (ident.empty() || bracket == std::string_view::npos)
    return bad_log_line("no `[time]` after client, ident and user");
  out.user = or_empty(rest.substr(0, bracket));
  rest.remove_prefix(bracket + 2);
  return {};
}

Result<void> take_time(std::string_view& rest, AccessLine& out) {
  const std::size_t end = rest.find(']');
  if (end == std::string_view::npos) return bad_log_line("time has no closing bracket");
  auto time = parse_log_time(rest.substr(0, end));
  if (!time) return time.error();
  out.time = *time;
  rest.remove_prefix(end + 1);
  return {};
}

Result<void> take_request(std::string_view& rest, AccessLine& out) {
  if (!take_blank_and_quote(rest)) return bad_log_line("no quoted request after the time");
  const auto quoted = take_quoted(rest);
  if (!quoted) return bad_log_line("request has no closing quote");
  auto request = parse_request_line(*quoted);
  if (!request) return request.error();
  out.method = request->method;
  out.target = request->target;
  out.protocol = request->protocol;
  return {};
}

Result<void> take_status_and_bytes(std::string_view& rest, AccessLine& out) {
  if (!rest.starts_with(' ')) return bad_log_line("no status after the request");
  rest.remove_prefix(1);
  const std::string_view status = take_word(rest);
  if (status.size() != 3 || (out.status = fixed_number(status, 0, 3)) < 100)
    return bad_log_line("status is not 100 to 999");
  const std::size_t end = rest.find(' ');
  const std::string_view bytes = rest.substr(0, end);
  rest.remove_prefix(bytes.size());
  if (bytes == "-") return {};
  const auto [stop, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), out.bytes);
  if (bytes.empty() || error != std::errc() || stop != bytes.data() + bytes.size() || out.bytes < 0) {
    return bad_log_line("size is neither a number nor `-`");
  }
  return {};
}

// What follows the size: nothing, fields of the site's own, or the two quoted fields of the combined format.
Result<void> take_combined(std::string_view rest, AccessLine& out) {
  if (!take_blank_and_quote(rest)) return {};
  const auto referer = take_quoted(rest);
  if (!referer) return bad_log_line("referer has no closing quote");
  out.referer = or_empty(*referer);
  if (!take_blank_and_quote(rest)) return {};
  const auto agent = take_quoted(rest);
  if (!agent) return bad_log_line("user agent has no closing quote (a line cut off?)");
  out.agent = or_empty(*agent);
  if (!rest.empty() && rest.front() != ' ') return bad_log_line("text directly after the user agent's closing quote");
  return {};
}

}  // namespace

Result<UtcTime> parse_log_time(std::string_view text) {
  static constexpr std::string_view shape = "dd/Mon/yyyy:hh:mm:ss +hhmm";
  if (text.size() != shape.size()) return bad_log_line("time is not like 17/May/2015:10:05:03 +0000");
  for (const std::size_t at : {2U, 6U, 11U, 14U, 17U, 20U}) {
    if (text[at] != shape[at]) return bad_log_line("time is not like 17/May/2015:10:05:03 +0000");
  }
  const Date date{
      .year = fixed_number(text, 7, 4), .month = month_number(text.substr(3, 3)), .day = fixed_number(text, 0, 2)};
  if (date.month == 0) return bad_log_line("time has an unknown month");
  if (date.year < 1970) return bad_log_line("time has a year before 1970");
  if (date.day < 1 || date.day > days_in_month(date.year, date.month))
    return bad_log_line("time has a day that its month lacks");
  const int hour = fixed_number(text, 12, 2);
  const int minute = fixed_number(text, 15, 2);
  const int second = fixed_number(text, 18, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return bad_log_line("time of day is impossible");
  const int offset_hours = fixed_number(text, 22, 2);
  const int offset_minutes = fixed_number(text, 24, 2);
  const char sign = text[21];
  if ((sign != '+' && sign != '-') || offset_hours < 0 || offset_hours > 14 || offset_minutes < 0 ||
      offset_minutes > 59) {
    return bad_log_line("time zone is not an offset like +0000");
  }
  const std::int64_t local = day_number(date) * day_ms + hour * hour_ms + minute * minute_ms + second * second_ms;
  const std::int64_t offset = offset_hours * hour_ms + offset_minutes * minute_ms;
  const std::int64_t utc = sign == '+' ? local - offset : local + offset;
  static constexpr std::int64_t year_10000_ms = 253'402'300'800'000;
  if (utc < 0 || utc >= year_10000_ms) return bad_log_line("time is outside 1970 to 9999 in UTC");
  return UtcTime::from_ms(utc);
}

Result<RequestLine> parse_request_line(std::string_view text) {
  if (text.empty() || text == "-") return bad_log_line("request is empty: the client sent none");
  RequestLine out;
  const std::size_t blank = text.find(' ');
  out.method = text.substr(0, blank);
  for (const char c : out.method) {
    if (!is_token(c)) return bad_log_line("request does not begin with a method");
  }
  if (out.method.empty() || blank == std::string_view::npos) return bad_log_line("request has no target");
  out.target = text.substr(blank + 1);
  const std::size_t last = out.target.rfind(' ');
  if (last != std::string_view::npos && out.target.substr(last + 1).starts_with("HTTP/")) {
    out.protocol = out.target.substr(last + 1);
    out.target = out.target.substr(0, last);
  }
  if (out.target.empty() || out.target.starts_with("HTTP/")) return bad_log_line("request has no target");
  return out;
}

Result<AccessLine> parse_access_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  AccessLine out;
  if (auto taken = take_client(line, out); !taken) return taken.error();
  if (auto taken = take_time(line, out); !taken) return taken.error();
  if (auto taken = take_request(line, out); !taken) return taken.error();
  if (auto taken = take_status_and_bytes(line, out); !taken) return taken.error();
  if (auto taken = take_combined(line, out); !taken) return taken.error();
  return out;
}

std::string unescape_log_field(std::string_view field) {
  static constexpr std::string_view letters = "\"\\bnrtv";
  static constexpr std::string_view meanings = "\"\\\b\n\r\t\v";
  std::string out;
  out.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out.push_back(field[i]);
      continue;
    }
    const char next = field[i + 1];
    if (const std::size_t which = letters.find(next); which != std::string_view::npos) {
      out.push_back(meanings[which]);
      i += 1;
    } else if (next == 'x' && i + 3 < field.size() && hex_value(field[i + 2]) >= 0 && hex_value(field[i + 3]) >= 0) {
      out.push_back(static_cast<char>(hex_value(field[i + 2]) * 16 + hex_value(field[i + 3])));
      i += 3;
    } else {
      out.push_back('\\');
    }
  }
  return out;
}

}  // namespace tally::tools
