// A request and its answer, as handlers see them: no socket and no Beast.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net.h"
#include "core/time.h"

namespace tally::http {

using Field = std::pair<std::string, std::string>;

struct Request {
  std::string method;        // "GET"
  std::string target;        // as sent
  std::string path;          // without the query, percent-decoded segment by segment; never contains ".." segments
  std::vector<Field> query;  // decoded, in order; '+' is a space
  std::vector<Field> path_params;  // what the route's `{name}` segments matched, decoded
  std::vector<Field> headers;      // names in lower case, in order
  std::string body;
  IpAddress peer;  // of the socket
  std::string id;  // X-Request-Id of the answer: the client's own if it is sane, else a new one
  UtcTime received_at;
  bool operator_listener = false;  // came in on --operator-listen

  // The first header of that name (lower case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  // The first query parameter of that name, or nothing.
  std::optional<std::string_view> param(std::string_view name) const noexcept;
  // What the route's `{name}` matched; empty if the route has no such segment.
  std::string_view path_param(std::string_view name) const noexcept;
};

class BodyReader;

struct Response {
  int status = 200;
  std::string content_type;  // empty: no body and no Content-Type
  // Besides Content-Type, Content-Length, Connection, Date, Server and X-Request-Id, which the server writes.
  std::vector<Field> headers;
  std::string body;
  bool close = false;  // close the connection after it
  // When set, the body goes on with what comes by it (http/body_stream.h); `body` is sent first.
  std::shared_ptr<BodyReader> stream;
  // The bytes of the whole body of a stream, if they are known: told by Content-Length, else the body is in chunks.
  std::optional<std::uint64_t> stream_bytes;
  // Which of the router's routes gave it, from 1 in the order of Router::patterns(); 0: none. Reply writes it.
  std::uint32_t route = 0;
};

// Called exactly once, from any thread, now or later. Dropping it unanswered answers 500.
class Reply {
 public:
  using Sink = std::function<void(Response&&)>;
  Reply() = default;
  explicit Reply(Sink sink) : state_(std::make_shared<State>(std::move(sink))) {}
  void operator()(Response response) const {
    if (state_) state_->send(std::move(response));
  }
  // Says which route answers; before the handler is called.
  void note_route(std::uint32_t route) const noexcept {
    if (state_) state_->route = route;
  }

 private:
  struct State {
    explicit State(Sink s) : sink(std::move(s)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
      if (sink) {
        Response r;
        r.status = 500;
        r.route = route;
        sink(std::move(r));
      }
    }
    void send(Response&& response) {
      response.route = route;
      if (Sink s = std::exchange(sink, nullptr)) s(std::move(response));
    }
    Sink sink;
    std::uint32_t route = 0;
  };
  std::shared_ptr<State> state_;
};

using Handler = std::function<void(Request&&, Reply)>;

// Builds the answer to a request that no handler sees (404, 405, 408, 413 …): each dialect has its own shape, told by
// the path. Of `request` only what was read so far is filled. `code` is a stable word, such as `body_too_large`.
using ErrorBody = std::function<Response(int status, std::string_view code, const Request& request)>;

}  // namespace tally::http
