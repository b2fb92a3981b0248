// From method and path to handler.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request.h"

namespace tally::http {

// A pattern is segments: literal text, `{name}` for one segment, and last of all perhaps `{name...}` for the rest of
// the path, which may hold '/' but is not empty. Literals win over `{name}`, `{name}` over `{name...}`. A segment is
// matched as it was sent and decoded afterwards, so an escaped '/' never makes two segments of one;
// Request::path_params holds what the names matched.
//
// HEAD is answered by GET's handler (the server sends no body), OPTIONS by 204 with `Allow`, another method by 405 with
// `Allow`, an unknown path by 404; the codes are `method_not_allowed` and `not_found`. Filled before the server runs;
// then const and thread-safe.
class Router {
 public:
  explicit Router(ErrorBody error_body);
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // Asserts that the pattern is well-formed and the pair is new.
  void add(std::string_view method, std::string_view pattern, Handler handler);

  // Finds and calls the handler, or answers itself.
  void route(Request&& request, const Reply& reply) const;

  // Every method and pattern, sorted by pattern, then method.
  std::vector<std::pair<std::string, std::string>> routes() const;
  // The same in the order in which they were added: what Response::route numbers.
  const std::vector<std::pair<std::string, std::string>>& patterns() const noexcept { return routes_; }

 private:
  struct Node;
  ErrorBody error_body_;
  std::unique_ptr<Node> root_;
  std::vector<std::pair<std::string, std::string>> routes_;
};

}  // namespace tally::http
