#include "tools/embed/yaml_json.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "http/json_writer.h"

namespace tally::tools {

namespace {

[[noreturn]] void refuse(const YAML::Node& node, const std::string& why) {
  throw std::runtime_error("line " + std::to_string(node.Mark().line + 1) + ": " + why);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// -?digits(.digits)? without a leading zero: what both YAML and JSON call a number, as far as a document of ours needs
// it.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (!is_digits(whole) || (whole.size() > 1 && whole.front() == '0')) return false;
  return point == std::string_view::npos || is_digits(text.substr(point + 1));
}

void write_scalar(http::JsonWriter& out, const YAML::Node& node) {
  const std::string& text = node.Scalar();
  const bool plain = node.Tag() == "?";
  if (plain && (text == "true" || text == "false" || is_number(text))) {
    out.raw(text);
  } else {
    out.string(text);
  }
}

void write(http::JsonWriter& out, const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      out.null();
      return;
    case YAML::NodeType::Scalar:
      write_scalar(out, node);
      return;
    case YAML::NodeType::Sequence:
      out.begin_array();
      for (const YAML::Node& item : node) write(out, item);
      out.end_array();
      return;
    case YAML::NodeType::Map:
      break;
  }
  out.begin_object();
  std::set<std::string> keys;
  for (const auto& member : node) {
    if (!member.first.IsScalar()) refuse(member.first, "a key is no scalar");
    const std::string& key = member.first.Scalar();
    if (!keys.insert(key).second) refuse(member.first, "the key " + key + " is there twice");
    out.key(key);
    write(out, member.second);
  }
  out.end_object();
}

}  // namespace

std::string json_of_yaml(const std::string& yaml) {
  std::string json;
  http::JsonWriter out(json);
  write(out, YAML::Load(yaml));
  return json;
}

}  // namespace tally::tools
