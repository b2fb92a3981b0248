#include "webhook/target.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

namespace tally::webhook {
namespace {

Error refuse(std::string why) {
  return fail(Errc::invalid_argument, std::move(why), "invalid_callback_url");
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The characters of RFC 3986. Others (blanks, backslash, controls, UTF-8) are read differently by different parsers.
bool is_uri_character(char c) {
  constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=%";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         marks.find(c) != std::string_view::npos;
}

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

struct Parts {
  std::string scheme;
  std::string host;
  std::string port;
};

// libcurl parses, so that what is judged here is what libcurl will connect to.
std::optional<Parts> parse(const std::string& url) {
  struct Cleanup {
    void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
  };
  const std::unique_ptr<CURLU, Cleanup> handle(curl_url());
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
    return std::nullopt;
  const auto part = [&](CURLUPart what, unsigned flags) {
    char* text = nullptr;
    std::string out;
    if (curl_url_get(handle.get(), what, &text, flags) == CURLUE_OK) out = text;
    curl_free(text);
    return out;
  };
  if (!part(CURLUPART_ZONEID, 0).empty()) return std::nullopt;
  return Parts{part(CURLUPART_SCHEME, 0), lower(part(CURLUPART_HOST, 0)), part(CURLUPART_PORT, CURLU_DEFAULT_PORT)};
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!fits || ++label > 63) return false;
  }
  return label > 0;
}

// Resolvers read a name whose last label is a number ("1.2.3", "0x7f.1", "0177.1") as an address.
bool ends_in_a_number(std::string_view host) {
  const std::string_view label = host.substr(host.rfind('.') + 1);
  return label.starts_with("0x") ||
         std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_localhost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost");
}

std::string_view without_brackets(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

TargetPolicy::TargetPolicy(const WebhookSettings& settings)
    : allow_http_(settings.allow_http || settings.allow_private), allow_private_(settings.allow_private) {
  for (const std::string& host : settings.allowed_hosts) allowed_hosts_.push_back(lower(host));
}

bool TargetPolicy::may_connect(const IpAddress& address) const noexcept {
  return allow_private_ || is_global(address);
}

bool TargetPolicy::host_is_listed(std::string_view host) const {
  return allowed_hosts_.empty() ||
         std::any_of(allowed_hosts_.begin(), allowed_hosts_.end(), [&](std::string_view allowed) {
           return allowed.starts_with("*.") ? host.ends_with(allowed.substr(1)) : host == allowed;
         });
}

Result<Target> TargetPolicy::check(std::string_view url) const {
  if (url.empty() || url.size() > callback_url_bytes_max) return refuse("the URL must have 1 to 2048 characters");
  if (!std::all_of(url.begin(), url.end(), is_uri_character))
    return refuse("the URL has a character that a URL cannot have");
  const std::string_view authority = authority_of(url);
  if (authority.empty()) return refuse("the URL must be absolute");
  if (authority.find('@') != std::string_view::npos) return refuse("the URL must not hold a user or a password");
  // libcurl decodes escapes in a host; nobody needs them there.
  if (authority.find('%') != std::string_view::npos) return refuse("the host must be written without escapes");

  const auto parts = parse(std::string(url));
  if (!parts) return refuse("the URL is malformed");
  if (parts->scheme != "https" && parts->scheme != "http") return refuse("the scheme must be https");
  if (parts->scheme == "http" && !allow_http_) return refuse("the scheme must be https");

  Target target;
  const auto [end, error] = std::from_chars(parts->port.data(), parts->port.data() + parts->port.size(), target.port);
  if (error != std::errc() || end != parts->port.data() + parts->port.size() || target.port == 0) {
    return refuse("the port must be in 1..65535");
  }

  std::string_view host = without_brackets(parts->host);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (const auto address = IpAddress::parse(host)) {
    if (!may_connect(*address)) return refuse("the address is not a public one");
  } else if (!is_name(host) || ends_in_a_number(host)) {
    return refuse("the host is neither a name nor an address");
  } else if (!allow_private_ && is_localhost(host)) {
    return refuse("the host is not a public one");
  }
  if (!host_is_listed(host)) return refuse("the host is not in the operator's list");
  target.host = host;
  target.receiver = target.host + ':' + std::to_string(target.port);
  return target;
}

}  // namespace tally::webhook
