#include "tools/tally/mapping.h"

#include <array>
#include <cstdint>

#include "core/event.h"
#include "core/ids.h"
#include "core/text.h"

namespace tally::tools {
namespace {

constexpr std::size_t account_id_bytes_max = 63;

Error bad_rule(std::string why) {
  return fail(Errc::invalid_argument, std::move(why));
}

constexpr bool is_alnum(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool is_unreserved(char c) noexcept {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// RFC 3986 pchar without percent-encoding: what may stand in a path segment as it is.
constexpr bool is_segment_char(char c) noexcept {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

void append_percent(std::string& out, char c) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('%');
  out.push_back(digits[byte >> 4U]);
  out.push_back(digits[byte & 15U]);
}

// FNV-1a; tells names apart, guards nothing.
std::string short_hash(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211U;
  }
  std::string out;
  for (unsigned shift = 0; shift < 48; shift += 4) out.push_back("0123456789abcdef"[(hash >> shift) & 15U]);
  return out;
}

std::string normal_segment(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%' && i + 2 < segment.size() && hex_value(segment[i + 1]) >= 0 && hex_value(segment[i + 2]) >= 0) {
      c = static_cast<char>(hex_value(segment[i + 1]) * 16 + hex_value(segment[i + 2]));
      i += 2;
      is_unreserved(c) ? out.push_back(c) : append_percent(out, c);
    } else {
      is_segment_char(c) ? out.push_back(c) : append_percent(out, c);
    }
  }
  return out;
}

// At a segment's edge: "/api" covers "/api" and "/api/x", not "/apis".
bool covers(std::string_view prefix, std::string_view path) noexcept {
  if (!path.starts_with(prefix)) return false;
  return prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/';
}

struct Sides {
  std::string_view left;
  std::string_view right;
};
Result<Sides> split_rule(std::string_view text, const char* shape) {
  const std::size_t at = text.rfind('=');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) {
    return bad_rule("`" + std::string(text) + "` is not " + shape);
  }
  return Sides{text.substr(0, at), text.substr(at + 1)};
}

Result<std::string> prefix_of(std::string_view text) {
  if (!text.starts_with('/')) return bad_rule("the path prefix `" + std::string(text) + "` does not begin with /");
  return normal_path(text);
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

Result<void> add_rule_line(MappingRules& rules, std::string_view line) {
  const std::size_t blank = line.find_first_of(" \t");
  const std::string_view verb = line.substr(0, blank);
  const std::string_view rule = blank == std::string_view::npos ? std::string_view() : trimmed(line.substr(blank));
  if (verb == "account") return add_account_rule(rules, rule);
  if (verb == "endpoint") return add_endpoint_rule(rules, rule);
  if (verb == "skip") return add_skip_rule(rules, rule);
  return bad_rule("a rule begins with account, endpoint or skip, not `" + std::string(verb) + "`");
}

}  // namespace

Result<void> add_account_rule(MappingRules& rules, std::string_view text) {
  auto sides = split_rule(text, "WHO=ACCOUNT");
  if (!sides) return sides.error();
  auto account = parse_account_id(trimmed(sides->right));
  if (!account) return account.error();
  AccountRule rule{std::string(trimmed(sides->left)), std::nullopt, account->str()};
  if (auto range = Cidr::parse(rule.who)) {
    rule.range = *range;
  } else if (rule.who.find('/') != std::string::npos && IpAddress::parse(rule.who.substr(0, rule.who.find('/')))) {
    return range.error();  // a range with a mistake, surely no user's name
  }
  rules.accounts.push_back(std::move(rule));
  return {};
}

Result<void> add_endpoint_rule(MappingRules& rules, std::string_view text) {
  auto sides = split_rule(text, "PREFIX=ENDPOINT");
  if (!sides) return sides.error();
  auto prefix = prefix_of(trimmed(sides->left));
  if (!prefix) return prefix.error();
  const std::string_view endpoint = trimmed(sides->right);
  if (endpoint.empty() || endpoint.size() > event_endpoint_bytes_max) return bad_rule("an endpoint has 1 to 255 bytes");
  for (const char c : endpoint) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad_rule("an endpoint holds no control characters");
  }
  rules.endpoints.emplace_back(std::move(*prefix), endpoint);
  return {};
}

Result<void> add_skip_rule(MappingRules& rules, std::string_view prefix) {
  auto path = prefix_of(prefix);
  if (!path) return path.error();
  rules.skipped.push_back(std::move(*path));
  return {};
}

Result<void> add_rules_file(MappingRules& rules, std::string_view text) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    if (auto added = add_rule_line(rules, line); !added) {
      return bad_rule("line " + std::to_string(number) + ": " + added.error().detail);
    }
  }
  return {};
}

Mapping::Mapping(MappingRules rules) : rules_(std::move(rules)) {}

Result<std::string> Mapping::account_of(const Call& call) const {
  if (!rules_.account.empty()) return rules_.account;
  const bool by_address = rules_.account_by == AccountBy::address;
  const bool by_user = rules_.account_by == AccountBy::user;
  const std::string_view who = by_address ? call.remote : by_user ? call.user : call.account;
  if (!rules_.accounts.empty()) {
    const auto address = IpAddress::parse(call.remote);
    for (const AccountRule& rule : rules_.accounts) {
      const bool in_range = rule.range && address && rule.range->contains(*address);
      if (in_range || rule.who == (who.empty() ? "-" : who)) return rule.account;
    }
  }
  if (who.empty())
    return bad_rule(by_address ? "no client address" : by_user ? "no user" : "no value in the account field");
  return account_id_for(who);
}

Result<std::optional<Mapped>> Mapping::map(const Call& call) const {
  auto path = normal_path(call.target);
  if (!path) return path.error();
  const std::string* endpoint = nullptr;
  std::size_t longest = 0;
  for (const auto& [prefix, name] : rules_.endpoints) {
    if (prefix.size() > longest && covers(prefix, *path)) {
      longest = prefix.size();
      endpoint = &name;
    }
  }
  for (const std::string& prefix : rules_.skipped) {
    if (prefix.size() > longest && covers(prefix, *path)) return std::optional<Mapped>();
  }
  auto account = account_of(call);
  if (!account) return account.error();
  return std::optional<Mapped>(
      Mapped{std::move(*account), endpoint ? *endpoint : endpoint_of(*path, rules_.endpoint_depth)});
}

std::string account_id_for(std::string_view text) {
  if (auto address = IpAddress::parse(text)) {
    std::string id = (address->is_v4() ? "ip-" : "ip6-") + address->to_string();
    for (char& c : id) {
      if (c == '.' || c == ':') c = '-';
    }
    return id;
  }
  if (parse_account_id(text)) return std::string(text);
  std::string id;
  for (const char c : text) {
    if (id.empty() && !is_alnum(c)) continue;
    id.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : is_alnum(c) || c == '_' ? c : '-');
  }
  const std::string hash = short_hash(text);
  id.resize(std::min(id.size(), account_id_bytes_max - hash.size() - 1));
  return id.empty() ? hash : id + "-" + hash;
}

Result<std::string> normal_path(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  if (target == "*") return std::string(target);
  if (const std::size_t scheme = target.find("://"); scheme != std::string_view::npos && target.front() != '/') {
    target.remove_prefix(scheme + 3);
    const std::size_t slash = target.find('/');
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (!target.starts_with('/')) return bad_rule("target is not a path");
  std::vector<std::string> segments;
  while (!target.empty()) {
    target.remove_prefix(1);  // the slash
    std::string segment = normal_segment(target.substr(0, target.find('/')));
    target.remove_prefix(std::min(target.find('/'), target.size()));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(std::move(segment));
    }
  }
  std::string out;
  for (const std::string& segment : segments) out += "/" + segment;
  return out.empty() ? "/" : out;
}

std::string endpoint_of(std::string_view path, int depth) {
  if (path.size() > 1 && path.front() == '/') path.remove_prefix(1);
  std::size_t end = 0;
  for (int i = 0; i < depth && end != std::string_view::npos; ++i) end = path.find('/', end + (i == 0 ? 0 : 1));
  std::string endpoint(path == "/" ? path : path.substr(0, end));
  if (endpoint.size() > event_endpoint_bytes_max) {
    const std::string hash = short_hash(endpoint);
    endpoint.resize(event_endpoint_bytes_max - hash.size() - 1);
    endpoint += "~" + hash;
  }
  return endpoint;
}

}  // namespace tally::tools
