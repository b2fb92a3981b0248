#include "http/answers.h"

#include <algorithm>
#include <charconv>

#include "http/json_writer.h"
#include "http/problem.h"

namespace tally::http {

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Result<std::int64_t> number_param(const Request& request, std::string_view name, std::int64_t fallback,
                                  std::int64_t low, std::int64_t high) {
  const auto text = request.param(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [last, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || last != text->data() + text->size() || value < low || value > high) {
    return fail(
        Errc::invalid_argument,
        std::string(name) + " must be a whole number from " + std::to_string(low) + " to " + std::to_string(high),
        "invalid_" + std::string(name));
  }
  return value;
}

bool has_json_body(const Request& request) {
  std::string type(request.header("content-type").value_or(""));
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  type.erase(std::remove_if(type.begin(), type.end(), [](char c) { return c == ' ' || c == '\t' || c == '"'; }),
             type.end());
  return type == "application/json" || type == "application/json;charset=utf-8";
}

std::optional<JsonValue> json_body(Request& request, Response& refusal) {
  if (!has_json_body(request)) {
    refusal = problem(415, "unsupported_media_type", "the body must be application/json");
    return std::nullopt;
  }
  auto body = parse_json(std::move(request.body));
  if (body) return std::move(*body);
  refusal = problem(body.error());
  return std::nullopt;
}

Response refusal_problem(const Refusal& refusal) {
  switch (refusal.why) {
    case Refused::missing_key:
      return problem(401, "missing_credentials",
                     "send X-API-Key (and X-API-Secret for a pair), or Authorization: Bearer");
    case Refused::unknown_key:
      return problem(401, "invalid_credentials", "the API key is not valid");
    case Refused::missing_secret:
      return problem(401, "missing_api_secret", "this key is a pair: send X-API-Secret too");
    case Refused::wrong_secret:
      return problem(401, "invalid_credentials", "the API secret is not valid");
    case Refused::disabled:
      return problem(403, "api_key_disabled", "this API key is disabled");
    case Refused::expired:
      return problem(401, "api_key_expired", "this API key has expired");
    case Refused::wrong_address:
      return problem(403, "ip_not_allowed", "this API key does not work from this address");
    case Refused::wrong_scope:
      return problem(403, "scope_not_allowed", "the scopes of this API key do not include this");
    case Refused::rate_limited: {
      Response response = problem(429, "rate_limit_exceeded", "too many requests with this key");
      add_rate_headers(response, refusal.rate);
      return response;
    }
  }
  return problem(500, "internal_error", "");
}

std::string list_json(std::string_view items, std::string_view next_cursor) {
  std::string json;
  json.reserve(items.size() + 64);
  json.append("{\"items\":[").append(items).append("],\"next_cursor\":");
  if (next_cursor.empty()) {
    json.append("null");
  } else {
    append_json_string(json, next_cursor);
  }
  json.push_back('}');
  return json;
}

}  // namespace tally::http
