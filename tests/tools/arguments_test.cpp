#include "tools/tally/arguments.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <map>
#include <sstream>

#include "tests/tools/fake_server.h"

namespace arguments_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

struct Line {
  std::map<std::string, std::string> environment;
  std::ostringstream out;
  std::ostringstream err;

  Parsed parse(std::vector<std::string> arguments) {
    Surroundings surroundings;
    surroundings.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    surroundings.out_is_terminal = true;
    return parse_arguments(std::move(arguments), surroundings, out, err);
  }
  int code(std::vector<std::string> arguments) { return parse(std::move(arguments)).exit_code; }
};

// What a command line asks of the server.
std::vector<HttpRequest> sent(std::vector<std::string> arguments) {
  Line line;
  auto parsed = line.parse(std::move(arguments));
  REQUIRE_MESSAGE(parsed.invocation.has_value(), line.err.str());
  Bench bench(in_turn({answer(200, R"({"items":[],"next_cursor":null})")}));
  (void)parsed.invocation->command(bench.session);
  return bench.server.requests();
}

}  // namespace

TEST_CASE("arguments: an amount may begin with a minus") {
  CHECK(sent({"adjust", "acme", "-5", "--reason", "x"})[0].body == R"({"amount":"-5","description":"x"})");
}

TEST_CASE("arguments: mistakes are exit code 2 and say what is wrong") {
  const std::vector<std::vector<std::string>> mistakes = {
      {},
      {"bogus"},
      {"account"},
      {"account", "create", "acme"},
      {"account", "create", "acme", "--name", "A"},
      {"key", "create", "acme", "--kind", "triple"},
      {"key", "change", "k", "--status", "revoked"},
      {"price", "set"},
      {"price", "set", "search"},
      {"price", "set", "search", "1", "--charge-on", "moon"},
      {"price", "set", "--file", "/no/such/file"},
      {"subscription", "set", "acme"},
      {"import", "--format", "xml"},
      {"import", "--endpoint", "no-slash=x"},
      {"import", "--account", "Not Valid"},
      {"import", "--account-rule", "192.0.2.1/24=acme"},
      {"import", "--field", "colour=x"},
      {"import", "--rules", "/no/such/file"},
      {"import", "--batch", "0"},
      {"import", "--endpoint-depth", "x"},
      {"import", "--format", "apache", "--account-by", "tenant"},
      {"usage", "--granularity", "minute"},
      {"usage", "--group-by", "endpoint,colour"},
      {"listen", "--listen", "nowhere"},
      {"account", "list", "--no-such-option"},
      {"grant", "acme"},
      {"grant", "acme", "1", "--expires", "2027-01-01", "--never-expires"},
      {"adjust", "acme", "-5"},
      {"hold", "acme"},
      {"hold", "settle", "hold_acme.1", "--source", "gateway"},
      {"hold", "settle", "hold_acme.1", "--event-id", "call-1"},
      {"ledger", "acme", "--type", "moon"},
      {"explain", "acme"},
      {"reverse", "acme", "--id", "call-1"},
      {"reload", "acme", "--off", "--amount", "1"},
      {"export", "accounts"},
      {"audit", "--file", "a", "--data", "b"},
      {"account", "list", "--operator-token-file", "/no/such/file"},
  };
  for (const auto& arguments : mistakes) {
    Line line;
    const auto parsed = line.parse(arguments);
    const std::string shown = arguments.empty() ? "(nothing)" : arguments.back();
    CHECK_FALSE_MESSAGE(parsed.invocation.has_value(), shown);
    CHECK_MESSAGE(parsed.exit_code == 2, shown);
    CHECK_MESSAGE(!line.err.str().empty(), shown);
    CHECK_MESSAGE(line.out.str().empty(), shown);
  }
}

TEST_CASE("arguments: an unknown command is named") {
  Line line;
  CHECK(line.code({"bogus"}) == 2);
  CHECK(line.err.str() == "`bogus` is no command or option here; see tally --help\n");
}

TEST_CASE("arguments: help is exit code 0 and teaches codes and examples") {
  Line line;
  CHECK(line.code({"--help"}) == 0);
  CHECK(line.out.str().find("EXIT CODES") != std::string::npos);
  for (const char* command : {"account", "key", "price", "subscription", "import", "usage", "listen"}) {
    Line of_command;
    CHECK(of_command.code({command, "--help"}) == 0);
    CHECK_MESSAGE(of_command.out.str().find(std::string("tally ") + command) != std::string::npos, command);
  }
}

TEST_CASE("arguments: global options work before and after the command") {
  for (const auto& arguments : {std::vector<std::string>{"--json", "--server", "http://h:1/", "account", "list"},
                                std::vector<std::string>{"account", "list", "--json", "--server", "http://h:1/"}}) {
    Line line;
    const auto parsed = line.parse(arguments);
    REQUIRE(parsed.invocation.has_value());
    CHECK(parsed.invocation->settings.json);
    CHECK(parsed.invocation->settings.server == "http://h:1");
  }
}

TEST_CASE("arguments: flags win over variables, a token over a file of one") {
  Line line;
  line.environment = {{"TALLY_SERVER", "http://env:1"},
                      {"TALLY_OPERATOR_TOKEN", "from-env"},
                      {"TALLY_KEY", "k"},
                      {"TALLY_SECRET", "s"}};
  auto parsed = line.parse({"account", "list"});
  REQUIRE(parsed.invocation.has_value());
  CHECK(parsed.invocation->settings.server == "http://env:1");
  CHECK(parsed.invocation->settings.operator_token == "from-env");
  parsed = line.parse({"account", "list", "--server", "http://flag:1", "--operator-token", "from-flag"});
  REQUIRE(parsed.invocation.has_value());
  CHECK(parsed.invocation->settings.server == "http://flag:1");
  CHECK(parsed.invocation->settings.operator_token == "from-flag");
  parsed = line.parse({"usage"});
  REQUIRE(parsed.invocation.has_value());
  CHECK(parsed.invocation->settings.key == "k");
  CHECK(parsed.invocation->settings.secret == "s");
  parsed = line.parse({"usage", "--key", "token-key"});
  REQUIRE(parsed.invocation.has_value());
  CHECK(parsed.invocation->settings.key == "token-key");
  CHECK_MESSAGE(parsed.invocation->settings.secret.empty(), "a secret of another key must not go along");
}

TEST_CASE("arguments: colours are for terminals, and can be turned off in two ways") {
  Line line;
  CHECK(line.parse({"account", "list"}).invocation->settings.color);
  CHECK_FALSE(line.parse({"account", "list", "--no-color"}).invocation->settings.color);
  line.environment["NO_COLOR"] = "1";
  CHECK_FALSE(line.parse({"account", "list"}).invocation->settings.color);
}

TEST_CASE("arguments: a repeatable option takes one value at a time and leaves the rest alone") {
  const auto key =
      sent({"key", "create", "--scope", "reports", "--allowed-ip", "192.0.2.1", "--allowed-ip", "192.0.2.2", "acme"});
  REQUIRE(key.size() == 1);
  CHECK(key[0].url.ends_with("/accounts/acme/keys"));
  CHECK(key[0].body == R"({"kind":"pair","scopes":["reports"],"allowed_ips":["192.0.2.1","192.0.2.2"]})");
  const auto price = sent({"price", "set", "--option", "a=1", "--option", "b=2", "people/search", "0.5"});
  REQUIRE(price.size() == 1);
  CHECK(price[0].body == R"({"prices":[{"endpoint":"people/search","credits":"0.5","options":{"a":"1","b":"2"}}]})");
}

TEST_CASE("arguments: a change names only what was given") {
  const auto requests = sent({"account", "change", "acme", "--name", "New"});
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].body == R"({"name":"New"})");
}

TEST_CASE("arguments: a negative amount is a value, not an option") {
  const auto requests = sent({"account", "change", "acme", "--overdraft-limit", "-1"});
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].body == R"({"overdraft_limit":"-1"})");
}

}  // namespace arguments_test
