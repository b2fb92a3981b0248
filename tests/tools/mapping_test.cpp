#include "tools/tally/mapping.h"

#include <doctest/doctest.h>

#include "core/event.h"
#include "core/ids.h"

namespace mapping_test {

using namespace tally;
using namespace tally::tools;

namespace {

Call call_to(std::string_view target, std::string_view remote = "192.0.2.1", std::string_view user = {}) {
  Call call;
  call.target = target;
  call.remote = remote;
  call.user = user;
  return call;
}

std::string path(std::string_view target) {
  auto normal = normal_path(target);
  return normal ? *normal : "refused";
}

}  // namespace

TEST_CASE("mapping: an address becomes an account id, one for each address") {
  CHECK(account_id_for("83.149.9.216") == "ip-83-149-9-216");
  CHECK(account_id_for("2001:db8::5") == "ip6-2001-db8--5");
  CHECK(account_id_for("2001:0DB8:0::5") == "ip6-2001-db8--5");
  CHECK(account_id_for("::ffff:83.149.9.216") == "ip-83-149-9-216");
  CHECK(account_id_for("::1") != account_id_for("1::"));
}

TEST_CASE("mapping: any text becomes a valid account id, and different texts different ones") {
  CHECK(account_id_for("acme") == "acme");
  const std::vector<std::string> texts = {"Acme",
                                          "ACME",
                                          "a.cme",
                                          "a-cme",
                                          "ben smith",
                                          "ben-smith",
                                          "_x",
                                          "\xe4",
                                          "-",
                                          "?",
                                          "crawl-66-249-66-1.googlebot.com",
                                          std::string(300, 'x'),
                                          std::string(301, 'x')};
  std::vector<std::string> seen;
  for (const std::string& text : texts) {
    const std::string id = account_id_for(text);
    CHECK_MESSAGE(parse_account_id(id).has_value(), id);
    CHECK_MESSAGE(std::find(seen.begin(), seen.end(), id) == seen.end(), text);
    CHECK(account_id_for(text) == id);
    seen.push_back(id);
  }
}

TEST_CASE("mapping: a target's path is normalised") {
  CHECK(path("/a/b?x=/y#z") == "/a/b");
  CHECK(path("/") == "/");
  CHECK(path("//a///b/") == "/a/b");
  CHECK(path("/a/./b/../c") == "/a/c");
  CHECK(path("/../../etc") == "/etc");
  CHECK(path("/a/%2e%2E/b") == "/b");
  CHECK(path("/%7Epsionic/%41%2f%20") == "/~psionic/A%2F%20");
  CHECK(path("/a b\"<\\") == "/a%20b%22%3C%5C");
  CHECK(path("/caf\xc3\xa9\x01\x7f") == "/caf%C3%A9%01%7F");
  CHECK(path("/100%/%zz/%4") == "/100%25/%25zz/%254");
  CHECK(path("http://example.com/x") == "/x");
  CHECK(path("https://example.com") == "/");
  CHECK(path("*") == "*");
  CHECK(path("example.com:443") == "refused");
  CHECK(path("") == "refused");
  CHECK(path("?x") == "refused");
}

TEST_CASE("mapping: the first path segments name the endpoint") {
  CHECK(endpoint_of("/presentations/x/y.png", 1) == "presentations");
  CHECK(endpoint_of("/presentations/x/y.png", 2) == "presentations/x");
  CHECK(endpoint_of("/presentations/x/y.png", 9) == "presentations/x/y.png");
  CHECK(endpoint_of("/", 1) == "/");
  CHECK(endpoint_of("*", 2) == "*");
}

TEST_CASE("mapping: a long endpoint is shortened to what an event may hold, and stays its own") {
  const std::string a = endpoint_of("/" + std::string(400, 'a') + "1", 1);
  const std::string b = endpoint_of("/" + std::string(400, 'a') + "2", 1);
  CHECK(a.size() == event_endpoint_bytes_max);
  CHECK(a != b);
}

TEST_CASE("mapping: the longest endpoint prefix wins, at whole segments, and skip rules take part") {
  MappingRules rules;
  REQUIRE(add_endpoint_rule(rules, "/api=api").has_value());
  REQUIRE(add_endpoint_rule(rules, "/api/v2/search=search").has_value());
  REQUIRE(add_skip_rule(rules, "/api/v2").has_value());
  const Mapping mapping(rules);
  CHECK((*mapping.map(call_to("/api/v1/x")))->endpoint == "api");
  CHECK((*mapping.map(call_to("/api")))->endpoint == "api");
  CHECK((*mapping.map(call_to("/apis")))->endpoint == "apis");
  CHECK((*mapping.map(call_to("/api/v2/search?q=1")))->endpoint == "search");
  CHECK_FALSE((*mapping.map(call_to("/api/v2/other"))).has_value());
}

TEST_CASE("mapping: account rules know addresses, ranges, users and the lack of one") {
  MappingRules rules;
  REQUIRE(add_account_rule(rules, "192.0.2.0/24=net").has_value());
  REQUIRE(add_account_rule(rules, "2001:db8::/32 = six").has_value());
  REQUIRE(add_account_rule(rules, "ben smith = ben").has_value());
  REQUIRE(add_account_rule(rules, "-=nobody").has_value());
  rules.account_by = AccountBy::user;
  const Mapping mapping(rules);
  const auto account = [&](std::string_view remote, std::string_view user) {
    return (*mapping.map(call_to("/x", remote, user)))->account;
  };
  CHECK(account("192.0.2.77", "eve") == "net");
  CHECK(account("2001:db8:1::1", "") == "six");
  CHECK(account("198.51.100.1", "ben smith") == "ben");
  CHECK(account("198.51.100.1", "") == "nobody");
  CHECK(account("198.51.100.1", "eve") == "eve");
}

TEST_CASE("mapping: a call without a user is refused where users are accounts, and one account takes all") {
  MappingRules rules;
  rules.account_by = AccountBy::user;
  CHECK(Mapping(rules).map(call_to("/x")).error().detail == "no user");
  rules.account = "acme";
  CHECK((*Mapping(rules).map(call_to("/x")))->account == "acme");
}

TEST_CASE("mapping: a rule with a mistake is refused") {
  MappingRules rules;
  CHECK_FALSE(add_account_rule(rules, "192.0.2.0/24").has_value());
  CHECK_FALSE(add_account_rule(rules, "192.0.2.1=Not Valid").has_value());
  CHECK_FALSE(add_account_rule(rules, "192.0.2.1/24=acme").has_value());
  CHECK_FALSE(add_account_rule(rules, "=acme").has_value());
  CHECK_FALSE(add_endpoint_rule(rules, "api=x").has_value());
  CHECK_FALSE(add_endpoint_rule(rules, "/api=").has_value());
  CHECK_FALSE(add_endpoint_rule(rules, "/api=" + std::string(256, 'x')).has_value());
  CHECK_FALSE(add_endpoint_rule(rules, "/api=a\tb").has_value());
  CHECK_FALSE(add_skip_rule(rules, "favicon.ico").has_value());
}

TEST_CASE("mapping: a rules file holds one rule a line, and its mistakes name the line") {
  MappingRules rules;
  REQUIRE(add_rules_file(rules, "# who\naccount 192.0.2.0/24 = acme  # office\n\n  endpoint\t/a=b\r\nskip /favicon.ico")
              .has_value());
  CHECK(rules.accounts.size() == 1);
  CHECK(rules.endpoints.size() == 1);
  CHECK(rules.skipped.size() == 1);
  CHECK(add_rules_file(rules, "skip /x\nallow /y\n").error().detail ==
        "line 2: a rule begins with account, endpoint or skip, not `allow`");
  CHECK(add_rules_file(rules, "endpoint").error().detail == "line 1: `` is not PREFIX=ENDPOINT");
}

}  // namespace mapping_test
