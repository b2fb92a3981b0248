// What the handlers of our own API share: reading parameters, checking media types, and answers in its shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/credentials.h"
#include "http/json.h"
#include "http/request.h"

namespace tally::http {

Response json_response(int status, std::string body);

// A whole number parameter within bounds, or `fallback` without one. Rule `invalid_<name>`.
Result<std::int64_t> number_param(const Request& request, std::string_view name, std::int64_t fallback,
                                  std::int64_t low, std::int64_t high);

// True when the Content-Type is application/json, parameters aside (a charset must be UTF-8).
bool has_json_body(const Request& request);

// The request's body as a JSON tree, or after a refusal (415, 400, 422) was put into `refusal`, nothing.
std::optional<JsonValue> json_body(Request& request, Response& refusal);

// The refusal of a customer's credential.
Response refusal_problem(const Refusal& refusal);

// `{"items":[…],"next_cursor":…}` around items that are already JSON, separated by commas.
std::string list_json(std::string_view items, std::string_view next_cursor);

}  // namespace tally::http
