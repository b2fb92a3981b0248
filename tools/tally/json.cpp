// The only file of the command line tool that names RapidJSON.
#include "tools/tally/json.h"

#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/writer.h>

namespace tally::tools {
namespace {

using Node = rapidjson::Value;

constexpr unsigned ascii_flags = rapidjson::kParseIterativeFlag;
constexpr unsigned utf8_flags = ascii_flags | rapidjson::kParseValidateEncodingFlag;
constexpr int depth_max = 64;

const Node& node_of(const void* node) {
  return *static_cast<const Node*>(node);
}

bool is_ascii(std::string_view text) noexcept {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

// Before parsing, because freeing a deep tree recurses.
bool too_deep(std::string_view text) noexcept {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// The length of the valid UTF-8 sequence at `at`, or 0.
std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

template <class Writer>
std::string written(const void* node) {
  if (node == nullptr) return "null";
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  node_of(node).Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  if (too_deep(text)) return fail(Errc::invalid_argument, "JSON is nested too deeply");
  auto document = std::make_shared<rapidjson::Document>();
  // The validating reader goes byte by byte; most log lines need no validation.
  is_ascii(text) ? document->Parse<ascii_flags>(text.data(), text.size())
                 : document->Parse<utf8_flags>(text.data(), text.size());
  if (document->HasParseError()) {
    return fail(Errc::invalid_argument, "not JSON (byte " + std::to_string(document->GetErrorOffset() + 1) + ")");
  }
  const Node* root = document.get();
  return Json(std::move(document), root);
}

bool Json::is_null() const noexcept {
  return node_ != nullptr && node_of(node_).IsNull();
}
bool Json::is_object() const noexcept {
  return node_ != nullptr && node_of(node_).IsObject();
}
bool Json::is_array() const noexcept {
  return node_ != nullptr && node_of(node_).IsArray();
}
bool Json::is_number() const noexcept {
  return node_ != nullptr && node_of(node_).IsNumber();
}

Json Json::operator[](std::string_view name) const {
  if (!is_object()) return {};
  const Node key(rapidjson::StringRef(name.data(), name.size()));
  const auto member = node_of(node_).FindMember(key);
  return member == node_of(node_).MemberEnd() ? Json() : Json(document_, &member->value);
}

Json Json::at_path(std::string_view path) const {
  if (Json whole = (*this)[path]; whole.exists()) return whole;
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {};
  const Json first = (*this)[path.substr(0, dot)];
  return first.exists() ? first.at_path(path.substr(dot + 1)) : Json();
}

std::size_t Json::size() const noexcept {
  return is_array() ? node_of(node_).Size() : is_object() ? node_of(node_).MemberCount() : 0;
}

Json Json::item(std::size_t index) const {
  if (!is_array() || index >= size()) return {};
  return Json(document_, &node_of(node_)[static_cast<rapidjson::SizeType>(index)]);
}

std::vector<std::string> Json::names() const {
  std::vector<std::string> out;
  if (!is_object()) return out;
  for (const auto& member : node_of(node_).GetObject())
    out.emplace_back(member.name.GetString(), member.name.GetStringLength());
  return out;
}

std::string Json::text() const {
  if (node_ == nullptr) return {};
  const Node& node = node_of(node_);
  if (node.IsString()) return {node.GetString(), node.GetStringLength()};
  if (node.IsInt64()) return std::to_string(node.GetInt64());
  return node.IsNumber() || node.IsBool() ? dump() : std::string();
}

std::int64_t Json::integer() const noexcept {
  return is_number() && node_of(node_).IsInt64() ? node_of(node_).GetInt64() : 0;
}

double Json::number() const noexcept {
  return is_number() ? node_of(node_).GetDouble() : 0;
}

std::string Json::dump() const {
  return written<rapidjson::Writer<rapidjson::StringBuffer>>(node_);
}

std::string Json::dump_pretty() const {
  if (node_ == nullptr) return "null";
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  node_of(node_).Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (byte == '"' || byte == '\\') {
      out.push_back('\\');
      out.push_back(text[i]);
    } else if (byte < 0x20) {
      out += "\\u00";
      out.push_back("0123456789abcdef"[byte >> 4U]);
      out.push_back("0123456789abcdef"[byte & 15U]);
    } else {
      out.append(text.substr(i, length));
    }
    i += length == 0 ? 1 : length;
  }
  out.push_back('"');
  return out;
}

JsonObject& JsonObject::texts(std::string_view name, const std::vector<std::string>& values) {
  std::string array;
  for (const std::string& value : values) array += (array.empty() ? "" : ",") + json_string(value);
  return raw(name, "[" + array + "]");
}

JsonObject& JsonObject::given(std::string_view name, const std::optional<std::string>& value) {
  return value ? text(name, *value) : *this;
}

JsonObject& JsonObject::given(std::string_view name, std::optional<std::int64_t> value) {
  return value ? integer(name, *value) : *this;
}

JsonObject& JsonObject::given(std::string_view name, const std::optional<std::vector<std::string>>& values) {
  return values ? texts(name, *values) : *this;
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_.push_back(',');
  members_ += json_string(name);
  members_.push_back(':');
  members_.append(json);
  return *this;
}

}  // namespace tally::tools
