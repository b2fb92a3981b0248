// The API document against the program: it has the routes of the whole application and no others, and each of its
// operations documents what the house answers everywhere.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/manual.h"
#include "http/json.h"
#include "tests/storage/temporary_directory.h"
#include "tools/tallyd/app.h"
#include "tools/tallyd/embedded.h"

namespace openapi_test {

namespace {

using namespace tally;
using http::JsonValue;

const JsonValue& document() {
  static const JsonValue parsed = [] {
    const tools::EmbeddedFile& file = tools::embedded_files().front();
    REQUIRE(file.name == "openapi.json");
    return http::parse_json(std::string(file.bytes)).value();
  }();
  return parsed;
}

const JsonValue& at(const JsonValue& object, std::string_view name) {
  static const JsonValue none;
  const JsonValue* found = object.find(name);
  return found ? *found : none;
}

struct Operation {
  std::string method;
  std::string path;
  const JsonValue* item;  // of its path
  const JsonValue* body;

  std::string name() const { return method + " " + path; }
  bool answers(std::string_view status) const { return at(*body, "responses").find(status) != nullptr; }
  bool has_body() const { return body->find("requestBody") != nullptr; }
  // Names of a list of parameters, those of components included.
  bool takes(std::string_view parameter) const {
    const JsonValue& shared = at(at(document(), "components"), "parameters");
    for (const JsonValue* list : {&at(*item, "parameters"), &at(*body, "parameters")}) {
      for (const JsonValue& one : list->items) {
        const std::string& reference = at(one, "$ref").text;
        const JsonValue& meant = reference.empty() ? one : at(shared, reference.substr(reference.rfind('/') + 1));
        if (at(meant, "name").text == parameter) return true;
      }
    }
    return false;
  }
};

std::vector<Operation> operations() {
  std::vector<Operation> all;
  const JsonValue& paths = at(document(), "paths");
  for (std::size_t i = 0; i < paths.items.size(); ++i) {
    for (const std::string_view method : {"get", "put", "post", "patch", "delete"}) {
      const JsonValue* body = paths.items[i].find(method);
      if (!body) continue;
      std::string upper(method);
      std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      all.push_back({upper, paths.names[i], &paths.items[i], body});
    }
  }
  return all;
}

// The router's `{name...}` has no counterpart in OpenAPI.
std::string as_documented(std::string pattern) {
  const std::size_t dots = pattern.find("...}");
  if (dots != std::string::npos) pattern.erase(dots, 3);
  return pattern;
}

std::vector<std::string> path_parameters(std::string_view path) {
  std::vector<std::string> names;
  for (std::size_t begin = path.find('{'); begin != std::string_view::npos; begin = path.find('{', begin + 1))
    names.emplace_back(path.substr(begin + 1, path.find('}', begin) - begin - 1));
  return names;
}

}  // namespace

TEST_CASE("the API document: its operations and the program's routes are the same set") {
  const TemporaryDirectory directory;
  ManualClock clock;
  SeededRandom random(1);
  tools::Log log(clock);
  Config config;
  config.data = directory.path();
  config.listen.port = 0;
  const auto app = tools::App::open(config, clock, random, log);
  REQUIRE(app);

  std::set<std::string> routes;
  for (const auto& [method, pattern] : (*app)->routes()) routes.insert(method + " " + as_documented(pattern));
  std::set<std::string> documented;
  for (const Operation& operation : operations()) documented.insert(operation.name());
  for (const std::string& route : routes) CHECK_MESSAGE(documented.contains(route), "not documented: ", route);
  for (const std::string& operation : documented)
    CHECK_MESSAGE(routes.contains(operation), "no such route: ", operation);
}

TEST_CASE("the API document: each operation has a name of its own, a tag that is described, words and a security") {
  std::set<std::string> tags;
  for (const JsonValue& tag : at(document(), "tags").items) tags.insert(at(tag, "name").text);
  std::set<std::string> grouped;
  for (const JsonValue& group : at(document(), "x-tagGroups").items) {
    for (const JsonValue& tag : at(group, "tags").items) CHECK_MESSAGE(grouped.insert(tag.text).second, tag.text);
  }
  CHECK(grouped == tags);
  std::set<std::string> names;
  for (const Operation& operation : operations()) {
    CAPTURE(operation.name());
    CHECK(names.insert(at(*operation.body, "operationId").text).second);
    REQUIRE(at(*operation.body, "tags").items.size() == 1);
    CHECK(tags.contains(at(*operation.body, "tags").items.front().text));
    CHECK(!at(*operation.body, "summary").text.empty());
    CHECK(!at(*operation.body, "description").text.empty());
    CHECK(operation.body->find("security"));
  }
}

TEST_CASE("the API document: the parameters of a path are documented, each one") {
  for (const Operation& operation : operations()) {
    CAPTURE(operation.name());
    for (const std::string& name : path_parameters(operation.path)) CHECK_MESSAGE(operation.takes(name), name);
  }
}

TEST_CASE("the API document: what the house answers everywhere is documented everywhere") {
  for (const Operation& operation : operations()) {
    CAPTURE(operation.name());
    const bool secured = !at(*operation.body, "security").items.empty();
    const bool vendors = operation.path.starts_with("/v1/credits/");  // yeb.to's paths lie among ours
    const bool own = (operation.path.starts_with("/v1/") && !vendors) || operation.path.starts_with("/operator/v1/");
    CHECK(operation.answers("503"));
    if (secured) {
      CHECK(operation.answers("401"));
      CHECK(operation.answers("500"));
    }
    if (!own) continue;
    const bool operators = operation.path.starts_with("/operator/v1/");
    CHECK(secured);
    if (!operators) {
      CHECK(operation.answers("403"));
      CHECK(operation.answers("429"));
    }
    // With a listener of their own the operator's routes are missing on the other one.
    if (operators || !path_parameters(operation.path).empty()) CHECK(operation.answers("404"));
    if (operation.has_body()) {
      for (const std::string_view status : {"400", "413", "415", "422"})
        CHECK_MESSAGE(operation.answers(status), status);
    }
    if (operation.method == "POST") CHECK(operation.takes("Idempotency-Key"));
    if (operation.takes("limit")) {
      CHECK(operation.takes("cursor"));
      CHECK(operation.answers("422"));
    }
  }
}

}  // namespace openapi_test
