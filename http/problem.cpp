#include "http/problem.h"

#include "http/json_writer.h"

namespace tally::http {

Response problem(int status, std::string_view code, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  JsonWriter json(response.body);
  json.begin_object().field("type", "about:blank").field("title", reason_phrase(status));
  json.field("status", std::int64_t{status}).field("code", code);
  if (!detail.empty()) json.field("detail", detail);
  json.end_object();
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

int status_of(const Error& error) noexcept {
  switch (error.code) {
    case Errc::invalid_argument:
      return error.rule == "malformed_json" || error.rule == "malformed_request" ? 400 : 422;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::insufficient_credits:
      return 402;
    case Errc::rate_limited:
      return 429;
    case Errc::too_large:
      return 413;
    case Errc::exhausted:
    case Errc::unavailable:
      return 503;
    case Errc::gone:
      return 410;
    case Errc::corrupt:
      return 500;
  }
  return 500;
}

Response problem(const Error& error) {
  const int status = status_of(error);
  Response response = problem(status, error.rule.empty() ? to_string(error.code) : std::string_view(error.rule),
                              status == 500 ? std::string_view() : std::string_view(error.detail));
  if (status == 429) response.headers.emplace_back("Retry-After", "60");
  return response;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

}  // namespace tally::http
