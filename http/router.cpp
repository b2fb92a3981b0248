#include "http/router.h"

#include <algorithm>
#include <cassert>
#include <span>
#include <tuple>

#include "http/target.h"

namespace tally::http {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/' that begins each segment
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

}  // namespace

struct Router::Node {
  std::string literal;
  std::vector<std::unique_ptr<Node>> children;  // literals
  std::unique_ptr<Node> any;                    // {name}
  std::unique_ptr<Node> rest;                   // {name...}
  std::vector<std::string> names;               // of the params on the way here
  struct Method {
    std::string name;
    Handler handler;
    std::uint32_t route;  // its number, see Response::route
  };
  std::vector<Method> methods;

  Node& literal_child(std::string_view segment) {
    for (const auto& child : children)
      if (child->literal == segment) return *child;
    Node& added = *children.emplace_back(std::make_unique<Node>());
    added.literal = segment;
    return added;
  }

  const Method* find(std::string_view method) const {
    for (const Method& each : methods)
      if (each.name == method) return &each;
    return method == "HEAD" ? find("GET") : nullptr;
  }

  std::string allowed() const {
    std::vector<std::string_view> words{"OPTIONS"};
    for (const Method& each : methods) words.push_back(each.name);
    if (std::ranges::find(words, "GET") != words.end() && std::ranges::find(words, "HEAD") == words.end())
      words.push_back("HEAD");
    std::ranges::sort(words);
    std::string text;
    for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
    return text;
  }

  // The node where the path ends, its params in `values`; depth is bounded by the patterns, not by the path.
  const Node* match(std::span<const std::string_view> path, std::vector<std::string_view>& values) const {
    if (path.empty()) return methods.empty() ? nullptr : this;
    const std::string_view segment = path.front();
    for (const auto& child : children) {
      if (child->literal != segment) continue;
      if (const Node* found = child->match(path.subspan(1), values)) return found;
    }
    if (segment.empty()) return nullptr;
    const std::size_t kept = values.size();
    values.push_back(segment);
    if (any) {
      if (const Node* found = any->match(path.subspan(1), values)) return found;
    }
    if (rest) {
      const char* const end = path.back().data() + path.back().size();
      values.back() = std::string_view(segment.data(), static_cast<std::size_t>(end - segment.data()));
      return rest.get();
    }
    values.resize(kept);
    return nullptr;
  }
};

Router::Router(ErrorBody error_body) : error_body_(std::move(error_body)), root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  assert(pattern.starts_with('/') && handler);
  Node* node = root_.get();
  std::vector<std::string> names;
  for (std::string_view segment : segments_of(pattern)) {
    assert(node != nullptr);
    if (!segment.starts_with('{')) {
      node = &node->literal_child(segment);
      continue;
    }
    assert(segment.ends_with('}'));
    segment = segment.substr(1, segment.size() - 2);
    const bool rest = segment.ends_with("...");
    if (rest) segment.remove_suffix(3);
    names.emplace_back(segment);
    std::unique_ptr<Node>& child = rest ? node->rest : node->any;
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  assert(node->methods.empty() || node->names == names);
  assert(std::ranges::none_of(node->methods, [method](const auto& each) { return each.name == method; }));
  node->names = std::move(names);
  routes_.emplace_back(method, pattern);
  node->methods.push_back({std::string(method), std::move(handler), static_cast<std::uint32_t>(routes_.size())});
}

void Router::route(Request&& request, const Reply& reply) const {
  const std::vector<std::string_view> segments = segments_of(raw_path(request.target));
  std::vector<std::string_view> values;
  const Node* node = root_->match(segments, values);
  if (node == nullptr) return reply(error_body_(404, "not_found", request));
  if (const Node::Method* method = node->find(request.method)) {
    for (std::size_t i = 0; i < values.size(); ++i)
      request.path_params.emplace_back(node->names[i], percent_decode(values[i]).value_or(std::string()));
    reply.note_route(method->route);
    return method->handler(std::move(request), reply);
  }
  Response response;
  if (request.method == "OPTIONS")
    response.status = 204;
  else
    response = error_body_(405, "method_not_allowed", request);
  response.headers.emplace_back("Allow", node->allowed());
  reply(std::move(response));
}

std::vector<std::pair<std::string, std::string>> Router::routes() const {
  std::vector<std::pair<std::string, std::string>> sorted = routes_;
  std::ranges::sort(
      sorted, [](const auto& a, const auto& b) { return std::tie(a.second, a.first) < std::tie(b.second, b.first); });
  return sorted;
}

}  // namespace tally::http
