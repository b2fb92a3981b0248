#include "core/config.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace tally {
namespace {

constexpr std::int64_t retry_wait_seconds_max = 30 * (day_ms / second_ms);
constexpr std::size_t retry_waits_max = 100;
constexpr std::size_t jwt_issuers_max = 100;
constexpr std::uint64_t mebibyte = 1ull << 20;
constexpr std::uint64_t gibibyte = 1ull << 30;

Error invalid_endpoint() {
  return fail(Errc::invalid_argument, "an endpoint is HOST:PORT or [IPv6]:PORT");
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// Collects the first rule that is broken, so that the rules below read as a list.
class Check {
 public:
  void that(bool holds, const char* setting, const std::string& rule) {
    if (!holds && broken_.empty()) broken_ = std::string(setting) + ": " + rule;
  }
  void within(std::uint64_t value, std::uint64_t min, std::uint64_t max, const char* setting) {
    that(value >= min && value <= max, setting, "must be " + std::to_string(min) + " to " + std::to_string(max));
  }
  Result<void> result() const {
    if (!broken_.empty()) return fail(Errc::invalid_argument, broken_);
    return {};
  }

 private:
  std::string broken_;
};

void check_server(const Config& config, Check& check) {
  check.that(!config.data.empty(), "data", "must name a directory");
  check.that(!config.listen.host.empty(), "listen", "must name a host");
  if (config.operator_listen) {
    const Endpoint& other = *config.operator_listen;
    check.that(!other.host.empty(), "operator_listen", "must name a host");
    check.that(other.port == 0 || other.port != config.listen.port || other.host != config.listen.host,
               "operator_listen", "must differ from listen");
  }
  check.that(std::none_of(config.operator_token.begin(), config.operator_token.end(),
                          [](char c) { return c <= 0x20 || c >= 0x7f; }),
             "operator_token", "must be printable ASCII without blanks");
  check.within(config.threads, 1, 256, "threads");
  check.within(config.workers, 1, 256, "workers");
  check.within(config.shards, 1, 256, "shards");
  check.that(config.tls_cert.empty() == config.tls_key.empty(), config.tls_cert.empty() ? "tls_cert" : "tls_key",
             "TLS needs both the certificate and the key");
}

void check_limits(const Config::Limits& limits, Check& check) {
  check.within(limits.body_bytes, 1, gibibyte, "limits.body_bytes");
  check.within(limits.events_body_bytes, 1, gibibyte, "limits.events_body_bytes");
  check.within(limits.connections, 1, 1'000'000, "limits.connections");
  check.within(limits.queued_jobs_per_account, 1, 100'000'000, "limits.queued_jobs_per_account");
  check.within(limits.queued_jobs, 1, 100'000'000, "limits.queued_jobs");
  check.within(limits.disk_reserve_bytes, 0, 1024 * gibibyte, "limits.disk_reserve_bytes");
}

void check_webhooks(const WebhookSettings& webhooks, Check& check) {
  const auto& waits = webhooks.retry.waits_seconds;
  check.that(!waits.empty() && waits.size() <= retry_waits_max, "webhooks.retry_seconds", "needs 1 to 100 waits");
  check.that(std::all_of(waits.begin(), waits.end(),
                         [](std::int64_t wait) { return wait >= 1 && wait <= retry_wait_seconds_max; }),
             "webhooks.retry_seconds", "each wait must be 1 second to 30 days");
  check.that(std::is_sorted(waits.begin(), waits.end()), "webhooks.retry_seconds", "must ascend");
  check.that(webhooks.timeout_seconds >= 1 && webhooks.timeout_seconds <= 300, "webhooks.timeout_seconds",
             "must be 1 to 300");
  check.that(std::all_of(webhooks.allowed_hosts.begin(), webhooks.allowed_hosts.end(),
                         [](const std::string& host) { return is_host_name(host) || IpAddress::parse(host); }),
             "webhooks.allowed_hosts", "each must be a host name or an address");
  check.within(webhooks.concurrent_per_host, 1, 10'000, "webhooks.concurrent_per_host");
  check.within(webhooks.concurrent_total, 1, 10'000, "webhooks.concurrent_total");
  check.within(webhooks.response_bytes_max, 1, 64 * mebibyte, "webhooks.response_bytes_max");
}

void check_payments(const Config::Payments& payments, Check& check) {
  check.that(payments.url.empty() || payments.url.starts_with("https://") || payments.url.starts_with("http://"),
             "payments.url", "must be an http or https URL");
  check.that(payments.secret.empty() || payments.secret.starts_with("whsec_"), "payments.secret",
             "must be whsec_ and the base64 of 24 to 64 bytes");
}

void check_dialects(const Config& config, Check& check) {
  constexpr std::int64_t year_seconds = 366 * (day_ms / second_ms);
  check.that(config.narakeet.micros_per_credit > 0 && config.narakeet.micros_per_credit <= year_seconds * 1'000'000,
             "narakeet.seconds_per_credit", "must be more than 0 and at most 31622400");
  check.within(config.insideview.requests_per_window, 1, 1'000'000'000, "insideview.requests_per_window");
  check.within(config.insideview.window_seconds, 1, 86'400, "insideview.window_seconds");
  check.within(config.insideview.token_ttl_seconds, 1, static_cast<std::uint64_t>(year_seconds),
               "insideview.token_ttl_seconds");
}

void check_auth(const Config::Auth& auth, Check& check) {
  constexpr std::int64_t day_seconds = day_ms / second_ms;
  check.that(auth.access_ttl_seconds >= 1 && auth.access_ttl_seconds <= day_seconds, "auth.access_ttl_seconds",
             "must be 1 second to 1 day");
  check.that(auth.refresh_ttl_seconds >= 1 && auth.refresh_ttl_seconds <= 3650 * day_seconds,
             "auth.refresh_ttl_seconds", "must be 1 second to 10 years");
}

void check_jwt_issuers(const std::vector<Config::JwtIssuer>& issuers, Check& check) {
  constexpr const char* setting = "jwt.issuers";
  check.that(issuers.size() <= jwt_issuers_max, setting, "are at most 100");
  std::set<std::string_view> names = {own_jwt_issuer};
  for (const Config::JwtIssuer& one : issuers) {
    check.that(!one.issuer.empty() && !one.audience.empty() && !one.jwks_file.empty(), setting,
               "each needs issuer, audience and jwks_file");
    check.that(names.insert(one.issuer).second, setting, "each has an issuer of its own, other than \"tally\"");
  }
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid_endpoint();
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);

  Endpoint endpoint;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), endpoint.port);
  if (port_text.empty() || error != std::errc() || end != port_text.data() + port_text.size())
    return invalid_endpoint();

  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return invalid_endpoint();
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos || !IpAddress::parse(host)) return invalid_endpoint();
  } else if (!is_host_name(host)) {
    return invalid_endpoint();
  }
  endpoint.host = host;
  return endpoint;
}

std::string Endpoint::to_string() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

Result<void> validate(const Config& config) {
  Check check;
  check_server(config, check);
  check_limits(config.limits, check);
  check_webhooks(config.webhooks, check);
  check.within(config.reports.result_bytes_max, 1, 16 * gibibyte, "reports.result_bytes_max");
  check.within(config.reports.operator_result_bytes_max, 1, 1024 * gibibyte, "reports.operator_result_bytes_max");
  check.within(config.reports.retention_days, 1, 3650, "reports.retention_days");
  check_payments(config.payments, check);
  check_dialects(config, check);
  check_auth(config.auth, check);
  check_jwt_issuers(config.jwt_issuers, check);
  return check.result();
}

}  // namespace tally
