// The settings of a server, validated. Reading them from flags, environment and TOML is tools/tallyd's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/net.h"
#include "core/result.h"
#include "core/retry.h"

namespace tally {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;                                // 0: any free one
  static Result<Endpoint> parse(std::string_view text);  // "127.0.0.1:8080", "[::1]:8080", "localhost:8080"
  std::string to_string() const;
};

enum class LogFormat : std::uint8_t { json = 1, text };

struct WebhookSettings {
  RetrySchedule retry;
  std::int64_t timeout_seconds = 15;
  std::vector<std::string> allowed_hosts;  // empty: any
  bool allow_http = false;
  bool allow_private = false;  // http to private addresses too, for development
  std::uint32_t concurrent_per_host = 8;
  std::uint32_t concurrent_total = 256;
  std::size_t response_bytes_max = 64 * 1024;
  std::string ca_file;  // PEM of the authorities that receivers' certificates are checked by; empty: the system's
};

struct Config {
  std::string data = "data";
  Endpoint listen{"127.0.0.1", 8080};
  std::optional<Endpoint> operator_listen;
  std::string operator_token;
  std::string operator_token_file;
  std::uint32_t threads = 1;  // I/O threads
  std::uint32_t workers = 2;  // report workers
  std::uint32_t shards = 2;   // account writer shards
  std::vector<Cidr> trusted_proxies;
  std::string tls_cert;
  std::string tls_key;

  struct Limits {
    std::size_t body_bytes = 1 << 20;
    std::size_t events_body_bytes = 32 << 20;
    std::uint32_t connections = 20'000;
    std::uint32_t queued_jobs_per_account = 100'000;
    std::uint32_t queued_jobs = 1'000'000;
    std::uint64_t disk_reserve_bytes = 256ull << 20;  // read-only below this much free space
  } limits;
  WebhookSettings webhooks;
  struct Reports {
    std::uint64_t result_bytes_max = 64ull << 20;           // of an account's report
    std::uint64_t operator_result_bytes_max = 16ull << 30;  // of one over many accounts
    std::uint32_t retention_days = 7;
  } reports;
  // Auto-reload. Without a url it cannot be turned on, and nothing is asked for.
  struct Payments {
    std::string url;     // http or https, to any address: it is the operator's own
    std::string secret;  // "whsec_…" that signs the requests; empty: DIR/payments.secret, made when missing
    bool enabled() const noexcept { return !url.empty(); }
  } payments;
  struct Auth {
    bool allow_signup = false;
    std::int64_t access_ttl_seconds = 900;
    std::int64_t refresh_ttl_seconds = 604'800;
  } auth;
  // Who else's JSON web tokens are accepted: those of `issuer` for `audience`, signed by a key in the JWK set file.
  struct JwtIssuer {
    std::string issuer;
    std::string audience;
    std::string jwks_file;
  };
  std::vector<JwtIssuer> jwt_issuers;
  struct Nyne {
    bool envelope = false;
  } nyne;
  struct Narakeet {
    std::int64_t micros_per_credit = 1'000'000;  // what a credit buys, in millionths of a second
  } narakeet;
  struct InsideView {
    std::uint32_t requests_per_window = 1000;
    std::uint32_t window_seconds = 300;
    std::uint32_t token_ttl_seconds = 3600;
  } insideview;
  LogFormat log_format = LogFormat::json;
  bool log_requests = false;  // and jobs, and attempts to deliver
};

// The `iss` and `aud` of this server's own tokens; no other issuer may have it.
inline constexpr const char* own_jwt_issuer = "tally";

// Bounds and combinations: TLS needs both files, counts are at least 1 and at most sane, the retry schedule is not
// empty and ascends from 1 s to 30 days, the operator's listener differs from the customers'. The detail names the
// setting.
Result<void> validate(const Config& config);

}  // namespace tally
