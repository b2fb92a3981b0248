#include "http/api_docs.h"

#include <cassert>

#include "http/digest.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::string_view document_name = "openapi.json";
constexpr std::string_view page_name = "docs.html";
constexpr const char* page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'";

std::string_view media_type_of(std::string_view name) {
  if (name.ends_with(".json")) return "application/json";
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  assert(name.ends_with(".js"));
  return "text/javascript; charset=utf-8";
}

}  // namespace

void ApiDocs::add(std::string_view name, std::string_view bytes) {
  File file{bytes, media_type_of(name), "\"" + sha256_hex(bytes) + "\"", name != document_name && name != page_name};
  files_.insert_or_assign(std::string(name), std::move(file));
}

void ApiDocs::add_to(Router& router) const {
  const auto serve = [&](std::string_view path, std::string_view name) {
    const File& file = files_.at(std::string(name));
    router.add("GET", path, [&file](Request&& request, const Reply& reply) { reply(answer(file, request)); });
  };
  serve("/openapi.json", document_name);
  serve("/docs", page_name);
  router.add("GET", "/docs/{file}", [this](Request&& request, const Reply& reply) {
    const auto found = files_.find(std::string(request.path_param("file")));
    if (found == files_.end() || !found->second.part) return reply(problem(404, "not_found", ""));
    reply(answer(found->second, request));
  });
}

Response ApiDocs::answer(const File& file, const Request& request) {
  Response response;
  const auto known = request.header("if-none-match");
  if (known && (*known == file.tag || *known == "*")) {
    response.status = 304;
  } else {
    response.content_type = file.content_type;
    response.body = file.bytes;
  }
  response.headers.emplace_back("ETag", file.tag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("Content-Security-Policy", page_policy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

}  // namespace tally::http
