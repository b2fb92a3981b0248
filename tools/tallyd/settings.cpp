#include "tools/tallyd/settings.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "core/credits.h"

namespace tally::tools {

namespace {

using Set = std::function<Result<void>(Config&, std::string_view)>;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

template <class Number>
Result<Number> number(std::string_view text) {
  Number value{};
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || last != text.data() + text.size()) {
    return fail(Errc::invalid_argument, "must be a whole number within range");
  }
  return value;
}

template <class Get>
Set to_number(Get get) {
  return [get](Config& config, std::string_view text) -> Result<void> {
    auto& field = get(config);
    const auto value = number<std::remove_reference_t<decltype(field)>>(text);
    if (!value) return value.error();
    field = *value;
    return {};
  };
}

template <class Get>
Set to_text(Get get) {
  return [get](Config& config, std::string_view text) -> Result<void> {
    get(config) = std::string(text);
    return {};
  };
}

template <class Get>
Set to_switch(Get get) {
  return [get](Config& config, std::string_view text) -> Result<void> {
    if (text != "true" && text != "false") return fail(Errc::invalid_argument, "must be true or false");
    get(config) = text == "true";
    return {};
  };
}

Result<void> set_listen(Config& config, std::string_view text) {
  auto endpoint = Endpoint::parse(text);
  if (!endpoint) return endpoint.error();
  config.listen = *endpoint;
  return {};
}

Result<void> set_operator_listen(Config& config, std::string_view text) {
  auto endpoint = Endpoint::parse(text);
  if (!endpoint) return endpoint.error();
  config.operator_listen = *endpoint;
  return {};
}

Result<void> set_log_format(Config& config, std::string_view text) {
  if (text != "json" && text != "text") return fail(Errc::invalid_argument, "must be json or text");
  config.log_format = text == "json" ? LogFormat::json : LogFormat::text;
  return {};
}

Result<void> set_trusted_proxies(Config& config, std::string_view text) {
  config.trusted_proxies.clear();
  for (const std::string& item : split(text)) {
    auto range = Cidr::parse(item);
    if (!range) return range.error();
    config.trusted_proxies.push_back(*range);
  }
  return {};
}

Result<void> set_retry_seconds(Config& config, std::string_view text) {
  config.webhooks.retry.waits_seconds.clear();
  for (const std::string& item : split(text)) {
    const auto seconds = number<std::int64_t>(item);
    if (!seconds) return seconds.error();
    config.webhooks.retry.waits_seconds.push_back(*seconds);
  }
  return {};
}

Result<void> set_allowed_hosts(Config& config, std::string_view text) {
  config.webhooks.allowed_hosts = split(text);
  return {};
}

Result<void> set_seconds_per_credit(Config& config, std::string_view text) {
  const auto seconds = Credits::parse(text);
  if (!seconds) return fail(Errc::invalid_argument, "must be a decimal with at most six digits behind the point");
  config.narakeet.micros_per_credit = seconds->micros();
  return {};
}

// Each item is an issuer, its audience and its key set's file, with blanks between them.
Result<void> set_jwt_issuers(Config& config, std::string_view text) {
  config.jwt_issuers.clear();
  for (const std::string& item : split(text)) {
    std::istringstream words(item);
    Config::JwtIssuer one;
    std::string more;
    if (!(words >> one.issuer >> one.audience >> one.jwks_file) || words >> more)
      return fail(Errc::invalid_argument, "each must be ISSUER AUDIENCE JWKS_FILE");
    config.jwt_issuers.push_back(std::move(one));
  }
  return {};
}

std::vector<Setting> make_settings() {
  return {
      {"data", "directory of the store; made when missing", false, "",
       to_text([](Config & c) -> auto& { return c.data; })},
      {"listen", "HOST:PORT of the API; port 0 takes a free one", false, "", set_listen},
      {"operator_listen", "HOST:PORT that moves /operator/v1 and /metrics to a listener of its own", false, "",
       set_operator_listen},
      {"operator_token", "the operator's token (the flag shows in the process list; prefer the file or the variable)",
       false, "", to_text([](Config & c) -> auto& { return c.operator_token; })},
      {"operator_token_file", "file with the operator's token", false, "",
       to_text([](Config & c) -> auto& { return c.operator_token_file; })},
      {"threads", "I/O threads", false, "", to_number([](Config & c) -> auto& { return c.threads; })},
      {"workers", "threads that compute reports", false, "", to_number([](Config & c) -> auto& { return c.workers; })},
      {"shards", "threads that change accounts", false, "", to_number([](Config & c) -> auto& { return c.shards; })},
      {"trusted_proxies", "addresses and CIDR ranges whose X-Forwarded-For is believed", false, "",
       set_trusted_proxies},
      {"tls_cert", "PEM file with the certificate chain", false, "",
       to_text([](Config & c) -> auto& { return c.tls_cert; })},
      {"tls_key", "PEM file with the private key", false, "", to_text([](Config & c) -> auto& { return c.tls_key; })},
      {"log_format", "json: an object a line; text: for reading in a terminal", false, "", set_log_format},
      {"log_requests", "log each request, finished job and delivery attempt", true, "",
       to_switch([](Config & c) -> auto& { return c.log_requests; })},
      {"limits.body_bytes", "largest request body", false, "",
       to_number([](Config & c) -> auto& { return c.limits.body_bytes; })},
      {"limits.events_body_bytes", "largest body of POST /operator/v1/events", false, "",
       to_number([](Config & c) -> auto& { return c.limits.events_body_bytes; })},
      {"limits.connections", "open connections", false, "",
       to_number([](Config & c) -> auto& { return c.limits.connections; })},
      {"limits.queued_jobs", "unfinished reports of all accounts", false, "",
       to_number([](Config & c) -> auto& { return c.limits.queued_jobs; })},
      {"limits.queued_jobs_per_account", "unfinished reports of one account", false, "",
       to_number([](Config & c) -> auto& { return c.limits.queued_jobs_per_account; })},
      {"limits.disk_reserve_bytes", "read-only below this much free disk", false, "",
       to_number([](Config & c) -> auto& { return c.limits.disk_reserve_bytes; })},
      {"webhooks.retry_seconds", "waits between the attempts of a delivery", false, "", set_retry_seconds},
      {"webhooks.timeout_seconds", "time that a receiver has to answer", false, "",
       to_number([](Config & c) -> auto& { return c.webhooks.timeout_seconds; })},
      {"webhooks.allowed_hosts", "the only hosts that may be called back; empty: any", false, "", set_allowed_hosts},
      {"webhooks.allow_http", "accept http callback URLs", true, "--allow-http-callbacks",
       to_switch([](Config & c) -> auto& { return c.webhooks.allow_http; })},
      {"webhooks.allow_private", "accept private and loopback receivers, http included (development)", true,
       "--allow-private-callbacks", to_switch([](Config & c) -> auto& { return c.webhooks.allow_private; })},
      {"webhooks.concurrent_per_host", "deliveries at once to one receiver", false, "",
       to_number([](Config & c) -> auto& { return c.webhooks.concurrent_per_host; })},
      {"webhooks.concurrent_total", "deliveries at once; as many again wait for receivers that are silent", false, "",
       to_number([](Config & c) -> auto& { return c.webhooks.concurrent_total; })},
      {"webhooks.ca_file", "PEM file of the authorities that vouch for receivers; empty: the system's", false, "",
       to_text([](Config & c) -> auto& { return c.webhooks.ca_file; })},
      {"reports.result_bytes_max", "largest result of an account's report", false, "",
       to_number([](Config & c) -> auto& { return c.reports.result_bytes_max; })},
      {"reports.operator_result_bytes_max", "largest result of a report over many accounts", false, "",
       to_number([](Config & c) -> auto& { return c.reports.operator_result_bytes_max; })},
      {"reports.retention_days", "days that a finished report is kept", false, "",
       to_number([](Config & c) -> auto& { return c.reports.retention_days; })},
      {"payments.url", "where auto-reload asks for payments; empty: auto-reload cannot be turned on", false, "",
       to_text([](Config & c) -> auto& { return c.payments.url; })},
      {"payments.secret", "whsec_ secret that signs those requests; default: DATA/payments.secret, made when missing",
       false, "", to_text([](Config & c) -> auto& { return c.payments.secret; })},
      {"auth.allow_signup", "let anybody make an account by POST /auth/register", true, "",
       to_switch([](Config & c) -> auto& { return c.auth.allow_signup; })},
      {"auth.access_ttl_seconds", "life of an access token", false, "",
       to_number([](Config & c) -> auto& { return c.auth.access_ttl_seconds; })},
      {"auth.refresh_ttl_seconds", "life of a refresh token", false, "",
       to_number([](Config & c) -> auto& { return c.auth.refresh_ttl_seconds; })},
      {"jwt.issuers",
       "ISSUER AUDIENCE JWKS_FILE of each other issuer whose tokens are accepted; [[jwt.issuers]] tables in the file",
       false, "", set_jwt_issuers},
      {"nyne.envelope", "answer GET /usage with {\"success\",\"data\",\"timestamp\"}", true, "",
       to_switch([](Config & c) -> auto& { return c.nyne.envelope; })},
      {"narakeet.seconds_per_credit", "seconds that a credit buys, as GET /account/credits tells", false, "",
       set_seconds_per_credit},
      {"insideview.requests_per_window", "requests of an account in a window before it is throttled", false, "",
       to_number([](Config & c) -> auto& { return c.insideview.requests_per_window; })},
      {"insideview.window_seconds", "length of that window", false, "",
       to_number([](Config & c) -> auto& { return c.insideview.window_seconds; })},
      {"insideview.token_ttl_seconds", "how long an access token works", false, "",
       to_number([](Config & c) -> auto& { return c.insideview.token_ttl_seconds; })},
  };
}

// The shortest decimal that reads as `value`, without an exponent, and with a point: it is no whole number's text.
std::string decimal(double value) {
  std::array<char, 512> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed).ptr;
  std::string text(digits.data(), end);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

// A TOML value in the form that a flag would have.
Result<std::string> as_text(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto integer = node.value_exact<std::int64_t>()) return std::to_string(*integer);
  if (const auto real = node.value_exact<double>(); real && std::isfinite(*real)) return decimal(*real);
  if (const auto boolean = node.value_exact<bool>()) return std::string(*boolean ? "true" : "false");
  const toml::array* array = node.as_array();
  if (!array) return fail(Errc::invalid_argument, "must be a string, a number, a boolean or an array of them");
  std::string joined;
  for (const toml::node& item : *array) {
    if (item.is_array()) return fail(Errc::invalid_argument, "must be a flat array");
    auto text = as_text(item);
    if (!text) return text.error();
    if (!joined.empty()) joined.push_back(',');
    joined += *text;
  }
  return joined;
}

// [[jwt.issuers]]: the one setting that is a list of tables.
Result<void> apply_jwt_issuers(Config& config, const toml::array& tables) {
  config.jwt_issuers.clear();
  for (const toml::node& node : tables) {
    Config::JwtIssuer one;
    for (const auto& [key, value] : *node.as_table()) {
      const auto text = value.value_exact<std::string>();
      std::string* field = key.str() == "issuer"      ? &one.issuer
                           : key.str() == "audience"  ? &one.audience
                           : key.str() == "jwks_file" ? &one.jwks_file
                                                      : nullptr;
      if (!field) return fail(Errc::invalid_argument, std::string(key.str()) + ": there is no such setting");
      if (!text) return fail(Errc::invalid_argument, std::string(key.str()) + ": must be a string");
      *field = *text;
    }
    config.jwt_issuers.push_back(std::move(one));
  }
  return {};
}

Result<void> apply_table(Config& config, const toml::table& table, const std::string& prefix,
                         const std::string& file_name) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      if (auto applied = apply_table(config, *inner, name + ".", file_name); !applied) return applied;
      continue;
    }
    const std::string where = file_name + ":" + std::to_string(node.source().begin.line) + ": " + name;
    const auto found =
        std::find_if(settings().begin(), settings().end(), [&](const Setting& s) { return s.name == name; });
    if (found == settings().end()) return fail(Errc::invalid_argument, where + ": there is no such setting");
    if (node.is_array_of_tables() && name == "jwt.issuers") {
      if (auto applied = apply_jwt_issuers(config, *node.as_array()); !applied)
        return fail(Errc::invalid_argument, where + ": " + applied.error().detail);
      continue;
    }
    const auto text = as_text(node);
    if (!text) return fail(Errc::invalid_argument, where + ": " + text.error().detail);
    if (auto set = found->set(config, *text); !set)
      return fail(Errc::invalid_argument, where + ": " + set.error().detail);
  }
  return {};
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

std::string flag_of(const Setting& setting) {
  std::string flag = "--" + setting.name;
  std::replace_if(
      flag.begin(), flag.end(), [](char c) { return c == '_' || c == '.'; }, '-');
  return flag;
}

std::string variable_of(const Setting& setting) {
  std::string variable = "TALLY_" + setting.name;
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](unsigned char c) { return c == '.' ? '_' : static_cast<char>(std::toupper(c)); });
  return variable;
}

Result<void> apply_toml(Config& config, std::string_view text, const std::string& file_name) {
  try {
    const toml::table table = toml::parse(text, file_name);
    return apply_table(config, table, "", file_name);
  } catch (const toml::parse_error& error) {
    std::ostringstream what;
    what << file_name << ":" << error.source().begin.line << ": " << error.description();
    return fail(Errc::invalid_argument, what.str());
  }
}

Result<void> apply_environment(Config& config, const std::function<const char*(const std::string&)>& lookup) {
  for (const Setting& setting : settings()) {
    const std::string variable = variable_of(setting);
    const char* value = lookup(variable);
    if (!value) continue;
    if (auto set = setting.set(config, value); !set)
      return fail(Errc::invalid_argument, variable + ": " + set.error().detail);
  }
  return {};
}

Result<void> apply_flags(Config& config, const std::map<std::string, std::string>& values) {
  for (const Setting& setting : settings()) {
    const auto given = values.find(setting.name);
    if (given == values.end()) continue;
    if (auto set = setting.set(config, given->second); !set) {
      return fail(Errc::invalid_argument, flag_of(setting) + ": " + set.error().detail);
    }
  }
  return {};
}

}  // namespace tally::tools
