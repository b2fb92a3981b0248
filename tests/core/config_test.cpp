#include "core/config.h"

#include <doctest/doctest.h>

#include <functional>

namespace config_test {

using namespace tally;

namespace {

// The setting that the refusal names; empty when the configuration is good.
std::string refused_setting(const std::function<void(Config&)>& change) {
  Config config;
  change(config);
  const Result<void> result = validate(config);
  if (result) return "";
  CHECK(result.error().code == Errc::invalid_argument);
  return result.error().detail.substr(0, result.error().detail.find(':'));
}

}  // namespace

TEST_CASE("config: an endpoint is a host and a port") {
  const auto trip = [](std::string_view text) { return Endpoint::parse(text).value().to_string(); };
  CHECK(trip("127.0.0.1:8080") == "127.0.0.1:8080");
  CHECK(trip("[::1]:8080") == "[::1]:8080");
  CHECK(trip("localhost:0") == "localhost:0");
  CHECK(Endpoint::parse("[::1]:65535").value().host == "::1");
  CHECK(Endpoint::parse("[::1]:65535").value().port == 65535);
  for (const char* text : {"",
                           ":",
                           "8080",
                           ":8080",
                           "localhost",
                           "localhost:",
                           "localhost:65536",
                           "localhost:-1",
                           "localhost:+1",
                           "localhost:80 ",
                           "localhost: 80",
                           "localhost:0x50",
                           "::1:8080",
                           "[::1]",
                           "[::1]8080",
                           "[::1:8080",
                           "[]:80",
                           "[127.0.0.1]:80",
                           "[::g]:80",
                           "a b:80",
                           "http://a:80",
                           "a/b:80",
                           "[:80",
                           "*:80"}) {
    CAPTURE(text);
    CHECK_FALSE(Endpoint::parse(text));
  }
}

TEST_CASE("config: the defaults are valid") {
  CHECK(refused_setting([](Config&) {}) == "");
}

TEST_CASE("config: TLS needs both files") {
  CHECK(refused_setting([](Config& c) { c.tls_cert = "a.pem"; }) == "tls_key");
  CHECK(refused_setting([](Config& c) { c.tls_key = "a.pem"; }) == "tls_cert");
  CHECK(refused_setting([](Config& c) { c.tls_cert = c.tls_key = "a.pem"; }) == "");
}

TEST_CASE("config: the operator's listener differs from the customers'") {
  CHECK(refused_setting([](Config& c) { c.operator_listen = c.listen; }) == "operator_listen");
  CHECK(refused_setting([](Config& c) { c.operator_listen = Endpoint{"127.0.0.1", 8081}; }) == "");
  CHECK(refused_setting([](Config& c) { c.operator_listen = Endpoint{"127.0.0.2", 8080}; }) == "");
  CHECK(refused_setting([](Config& c) {
          c.listen.port = 0;
          c.operator_listen = c.listen;
        }) == "");
  CHECK(refused_setting([](Config& c) { c.operator_listen = Endpoint{"", 1}; }) == "operator_listen");
}

TEST_CASE("config: counts are at least one and sane") {
  CHECK(refused_setting([](Config& c) { c.data = ""; }) == "data");
  CHECK(refused_setting([](Config& c) { c.listen.host = ""; }) == "listen");
  CHECK(refused_setting([](Config& c) { c.threads = 0; }) == "threads");
  CHECK(refused_setting([](Config& c) { c.threads = 257; }) == "threads");
  CHECK(refused_setting([](Config& c) { c.workers = 0; }) == "workers");
  CHECK(refused_setting([](Config& c) { c.shards = 100'000; }) == "shards");
  CHECK(refused_setting([](Config& c) { c.limits.body_bytes = 0; }) == "limits.body_bytes");
  CHECK(refused_setting([](Config& c) { c.limits.events_body_bytes = 0; }) == "limits.events_body_bytes");
  CHECK(refused_setting([](Config& c) { c.limits.connections = 0; }) == "limits.connections");
  CHECK(refused_setting([](Config& c) { c.limits.queued_jobs = 0; }) == "limits.queued_jobs");
  CHECK(refused_setting([](Config& c) { c.limits.queued_jobs_per_account = 0; }) == "limits.queued_jobs_per_account");
  CHECK(refused_setting([](Config& c) { c.limits.disk_reserve_bytes = ~0ull; }) == "limits.disk_reserve_bytes");
  CHECK(refused_setting([](Config& c) { c.webhooks.timeout_seconds = 0; }) == "webhooks.timeout_seconds");
  CHECK(refused_setting([](Config& c) { c.webhooks.timeout_seconds = -1; }) == "webhooks.timeout_seconds");
  CHECK(refused_setting([](Config& c) { c.webhooks.concurrent_per_host = 0; }) == "webhooks.concurrent_per_host");
  CHECK(refused_setting([](Config& c) { c.webhooks.concurrent_total = 0; }) == "webhooks.concurrent_total");
  CHECK(refused_setting([](Config& c) { c.webhooks.response_bytes_max = 0; }) == "webhooks.response_bytes_max");
  CHECK(refused_setting([](Config& c) { c.reports.result_bytes_max = 0; }) == "reports.result_bytes_max");
  CHECK(refused_setting([](Config& c) { c.reports.operator_result_bytes_max = 0; }) ==
        "reports.operator_result_bytes_max");
  CHECK(refused_setting([](Config& c) { c.reports.retention_days = 0; }) == "reports.retention_days");
  CHECK(refused_setting([](Config& c) { c.operator_token = "two words"; }) == "operator_token");
  CHECK(refused_setting([](Config& c) { c.operator_token = "t\xc3\xb6ken"; }) == "operator_token");
}

TEST_CASE("config: the retry schedule is not empty and ascends from a second to thirty days") {
  const auto with_waits = [](std::vector<std::int64_t> waits) {
    return [waits](Config& c) { c.webhooks.retry.waits_seconds = waits; };
  };
  CHECK(refused_setting(with_waits({1})) == "");
  CHECK(refused_setting(with_waits({1, 1, 30 * 86'400})) == "");
  CHECK(refused_setting(with_waits({})) == "webhooks.retry_seconds");
  CHECK(refused_setting(with_waits({0})) == "webhooks.retry_seconds");
  CHECK(refused_setting(with_waits({-5})) == "webhooks.retry_seconds");
  CHECK(refused_setting(with_waits({2, 1})) == "webhooks.retry_seconds");
  CHECK(refused_setting(with_waits({30 * 86'400 + 1})) == "webhooks.retry_seconds");
  CHECK(refused_setting(with_waits(std::vector<std::int64_t>(101, 1))) == "webhooks.retry_seconds");
}

TEST_CASE("config: allowed hosts are names or addresses") {
  CHECK(refused_setting([](Config& c) { c.webhooks.allowed_hosts = {"example.com", "127.0.0.1", "::1"}; }) == "");
  CHECK(refused_setting([](Config& c) { c.webhooks.allowed_hosts = {""}; }) == "webhooks.allowed_hosts");
  CHECK(refused_setting([](Config& c) { c.webhooks.allowed_hosts = {"https://a"}; }) == "webhooks.allowed_hosts");
}

TEST_CASE("config: payments go to an http or https URL, signed by a webhook secret") {
  CHECK(refused_setting([](Config& c) { c.payments.url = "pay.example"; }) == "payments.url");
  CHECK(refused_setting([](Config& c) { c.payments.secret = "secret"; }) == "payments.secret");
  Config config;
  CHECK(!config.payments.enabled());
  config.payments = {"http://10.0.0.7/charge", "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk="};
  CHECK(validate(config).has_value());
  CHECK(config.payments.enabled());
}

TEST_CASE("config: what the dialects' settings may be") {
  CHECK(refused_setting([](Config& c) { c.narakeet.micros_per_credit = 0; }) == "narakeet.seconds_per_credit");
  CHECK(refused_setting([](Config& c) { c.narakeet.micros_per_credit = -1; }) == "narakeet.seconds_per_credit");
  CHECK(refused_setting([](Config& c) { c.narakeet.micros_per_credit = 31'622'400'000'001; }) ==
        "narakeet.seconds_per_credit");
  CHECK(refused_setting([](Config& c) { c.narakeet.micros_per_credit = 1; }) == "");
  CHECK(refused_setting([](Config& c) { c.insideview.requests_per_window = 0; }) == "insideview.requests_per_window");
  CHECK(refused_setting([](Config& c) { c.insideview.window_seconds = 0; }) == "insideview.window_seconds");
  CHECK(refused_setting([](Config& c) { c.insideview.window_seconds = 86'401; }) == "insideview.window_seconds");
  CHECK(refused_setting([](Config& c) { c.insideview.token_ttl_seconds = 0; }) == "insideview.token_ttl_seconds");
}

TEST_CASE("config: tokens live for a sane time") {
  CHECK(refused_setting([](Config& c) { c.auth.access_ttl_seconds = 0; }) == "auth.access_ttl_seconds");
  CHECK(refused_setting([](Config& c) { c.auth.access_ttl_seconds = 86'401; }) == "auth.access_ttl_seconds");
  CHECK(refused_setting([](Config& c) { c.auth.refresh_ttl_seconds = 0; }) == "auth.refresh_ttl_seconds");
  CHECK(refused_setting([](Config& c) { c.auth = {true, 1, 3650LL * 86'400}; }) == "");
}

TEST_CASE("config: other issuers of tokens are complete, and each has a name of its own") {
  const Config::JwtIssuer one{"https://id.example", "api", "keys.json"};
  const auto with_issuers = [](std::vector<Config::JwtIssuer> issuers) {
    return [issuers](Config& c) { c.jwt_issuers = issuers; };
  };
  CHECK(refused_setting(with_issuers({one, {"https://two.example", "api", "keys.json"}})) == "");
  CHECK(refused_setting(with_issuers({one, one})) == "jwt.issuers");
  CHECK(refused_setting(with_issuers({{"tally", "api", "keys.json"}})) == "jwt.issuers");
  CHECK(refused_setting(with_issuers({{"", "api", "keys.json"}})) == "jwt.issuers");
  CHECK(refused_setting(with_issuers({{"https://id.example", "", "keys.json"}})) == "jwt.issuers");
  CHECK(refused_setting(with_issuers({{"https://id.example", "api", ""}})) == "jwt.issuers");
}

TEST_CASE("config: the first broken rule is named with its bounds") {
  Config config;
  config.threads = 0;
  config.tls_cert = "x";
  CHECK(validate(config).error().detail == "threads: must be 1 to 256");
}

}  // namespace config_test
