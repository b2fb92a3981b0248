#include "http/target.h"

#include <algorithm>
#include <cassert>

#include "core/net.h"
#include "core/text.h"
#include "http/header_check.h"

namespace tally::http {
namespace {

// The byte that the escape at `text[at]` stands for, or -1.
int escaped_byte(std::string_view text, std::size_t at) noexcept {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool valid_query(std::string_view query) noexcept {
  for (std::size_t i = 0; i < query.size(); ++i) {
    const char c = query[i];
    if (c <= 0x20 || c >= 0x7f || c == '"' || c == '#' || c == '<' || c == '>') return false;
    if (c == '%' && escaped_byte(query, i) < 0) return false;
  }
  return true;
}

// Walks the decoded path without building it: dots counts the bytes of a segment that is dots only so far, else it is
// -1.
bool valid_path(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  int dots = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    int c = static_cast<unsigned char>(path[i]);
    if (c <= 0x20 || c >= 0x7f || c == '"' || c == '#' || c == '<' || c == '>' || c == '\\') return false;
    if (c == '%') {
      c = escaped_byte(path, i);
      if (c < 0x20 || c == 0x7f || c == '\\') return false;
      i += 2;
    }
    if (c == '/') {
      if (dots == 1 || dots == 2) return false;
      dots = 0;
    } else {
      dots = c == '.' && dots >= 0 ? dots + 1 : -1;
    }
  }
  return dots != 1 && dots != 2;
}

std::string_view after_scheme(std::string_view target) noexcept {
  for (const std::string_view scheme : {"http://", "https://"})
    if (target.size() > scheme.size() && equals_ignoring_case(target.substr(0, scheme.size()), scheme))
      return target.substr(scheme.size());
  return {};
}

bool valid_port(std::string_view port) noexcept {
  if (port.empty() || port.size() > 5) return false;
  int value = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return value <= 65535;
}

}  // namespace

bool valid_target(std::string_view target) noexcept {
  if (!target.starts_with('/')) {
    const std::string_view authority = authority_of(target);
    if (authority.empty() || !valid_authority(authority)) return false;
  }
  const std::string_view path = raw_path(target);
  const std::size_t question = target.find('?');
  return valid_path(path) && (question == std::string_view::npos || valid_query(target.substr(question + 1)));
}

bool valid_authority(std::string_view authority) noexcept {
  std::string_view port = "0";
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    if (end + 1 < authority.size()) {
      if (authority[end + 1] != ':') return false;
      port = authority.substr(end + 2);
    }
    const auto address = IpAddress::parse(authority.substr(1, end - 1));
    return address && authority.substr(0, end).find(':') != std::string_view::npos && valid_port(port);
  }
  const std::size_t colon = authority.find(':');
  const std::string_view host = authority.substr(0, colon);
  if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  const auto host_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  };
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, host_char) && valid_port(port);
}

std::string_view authority_of(std::string_view target) noexcept {
  const std::string_view rest = after_scheme(target);
  return rest.substr(0, rest.find_first_of("/?"));
}

std::string_view raw_path(std::string_view target) noexcept {
  if (!target.starts_with('/')) target = after_scheme(target).substr(authority_of(target).size());
  const std::string_view path = target.substr(0, target.find('?'));
  return path.empty() ? std::string_view("/") : path;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int byte = escaped_byte(text, i);
      if (byte < 0) return std::nullopt;
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      decoded.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

std::optional<std::vector<Field>> split_form(std::string_view rest) {
  std::vector<Field> fields;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

void split_target(Request& request) {
  const std::string_view target = request.target;
  auto path = percent_decode(raw_path(target));
  assert(path);
  request.path = std::move(*path);
  request.query.clear();
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return;
  auto query = split_form(target.substr(question + 1));
  assert(query);
  request.query = std::move(*query);
}

}  // namespace tally::http
