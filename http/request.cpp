#include "http/request.h"

namespace tally::http {
namespace {

const std::string* find(const std::vector<Field>& fields, std::string_view name) noexcept {
  for (const Field& field : fields)
    if (field.first == name) return &field.second;
  return nullptr;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const noexcept {
  const std::string* value = find(headers, name);
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

std::optional<std::string_view> Request::param(std::string_view name) const noexcept {
  const std::string* value = find(query, name);
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

std::string_view Request::path_param(std::string_view name) const noexcept {
  const std::string* value = find(path_params, name);
  return value ? std::string_view(*value) : std::string_view();
}

}  // namespace tally::http
