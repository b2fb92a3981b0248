#include "tools/embed/yaml_json.h"

#include <doctest/doctest.h>

#include <stdexcept>

namespace yaml_json_test {

using tally::tools::json_of_yaml;

TEST_CASE("yaml: quoted scalars stay strings, plain ones are what they look like") {
  CHECK(json_of_yaml("a: '1'\nb: 1\nc: \"true\"\nd: true\ne: null\nf: 1.50\ng: -3\nh: ''\ni:\n") ==
        R"({"a":"1","b":1,"c":"true","d":true,"e":null,"f":1.50,"g":-3,"h":"","i":null})");
  CHECK(json_of_yaml("[0.1.0, 2024-12, 1e3, 007, '', no, 1., .5]") ==
        R"(["0.1.0","2024-12","1e3","007","","no","1.",".5"])");
}

TEST_CASE("yaml: aliases are written out, blocks keep their lines") {
  CHECK(json_of_yaml("a: &x { b: [1, 2] }\nc: *x\n") == R"({"a":{"b":[1,2]},"c":{"b":[1,2]}})");
  CHECK(json_of_yaml("a: |\n  one\n  \"two\"\n") == R"({"a":"one\n\"two\"\n"})");
}

TEST_CASE("yaml: a key that is there twice is refused") {
  CHECK_THROWS_AS(json_of_yaml("a: 1\na: 2\n"), std::runtime_error);
  CHECK_THROWS_AS(json_of_yaml("? [a]\n: 1\n"), std::runtime_error);
  CHECK_THROWS(json_of_yaml("a: *nowhere\n"));
}

}  // namespace yaml_json_test
