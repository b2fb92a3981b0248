#include "http/server.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/http/test_client.h"
#include "tests/http/test_server.h"

namespace tally::http::server_test {
namespace {

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("server: a request is answered, with the fields that every answer carries") {
  TestServer server;
  TestClient client(server.port());
  const std::string response = client.ask(get("/hello?x=1", "X-Request-Id: abc-1\r\nX-Custom: V\r\n"));
  CHECK(response.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(field_of(response, "Server") == "tally");
  CHECK(field_of(response, "Date") == server.clock().now().to_http_date());
  CHECK(field_of(response, "Content-Type") == "text/plain");
  CHECK(field_of(response, "X-Request-Id") == "abc-1");
  CHECK(field_of(response, "Connection").empty());
  CHECK(body_of(response) == "GET /hello ");
  const Request seen = server.requests().at(0);
  CHECK(seen.param("x") == "1");
  CHECK(seen.header("x-custom") == "V");
  CHECK(seen.peer.to_string() == "127.0.0.1");
  CHECK(seen.received_at == server.clock().now());
  CHECK_FALSE(seen.operator_listener);
}

TEST_CASE("server: an X-Request-Id that is not sane is replaced") {
  TestServer server;
  TestClient client(server.port());
  const std::string id = field_of(client.ask(get("/", "X-Request-Id: a b\r\n")), "X-Request-Id");
  CHECK(id.size() == 16);
  CHECK(field_of(client.ask(get("/")), "X-Request-Id") != id);
}

TEST_CASE("server: a connection serves many requests, with and without bodies") {
  TestServer server;
  TestClient client(server.port());
  for (int i = 0; i < 20; ++i) {
    CHECK(body_of(client.ask(get("/a"))) == "GET /a ");
    CHECK(body_of(client.ask(post("/b", "body " + std::to_string(i)))) == "POST /b body " + std::to_string(i));
  }
  CHECK(server.server().stats().connections_accepted == 1);
  CHECK(server.server().stats().requests == 40);
}

TEST_CASE("server: pipelined requests are answered in order, also when the first is slow") {
  TestServer server;
  TestClient client(server.port());
  client.send(get("/later") + post("/b", "two") + get("/c"));
  server.wait_for_later(1);
  CHECK(server.requests().size() == 1);
  server.answer_later("one");
  CHECK(body_of(client.receive()) == "one");
  CHECK(body_of(client.receive()) == "POST /b two");
  CHECK(body_of(client.receive()) == "GET /c ");
}

TEST_CASE("server: a request may arrive byte by byte") {
  TestServer server;
  TestClient client(server.port());
  for (const char c : post("/x", "hello")) client.send({&c, 1});
  CHECK(body_of(client.receive()) == "POST /x hello");
}

TEST_CASE("server: chunked bodies are joined and trailers dropped") {
  TestServer server;
  TestClient client(server.port());
  const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nAuthorization: Bearer evil\r\n\r\n";
  CHECK(body_of(client.ask(head + body)) == "POST /x hello world");
  client.send(head);
  for (const char c : body) client.send({&c, 1});
  CHECK(body_of(client.receive()) == "POST /x hello world");
  CHECK(body_of(client.ask(get("/next"))) == "GET /next ");
  for (const Request& request : server.requests()) CHECK_FALSE(request.header("authorization"));
}

TEST_CASE("server: 100-continue is sent when the body is awaited, and only then") {
  TestServer server;
  TestClient client(server.port());
  client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive_head() == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(body_of(client.ask("body")) == "POST /x body");
  CHECK(body_of(client.ask(post("/y", "here", "Expect: 100-continue\r\n"))) == "POST /y here");
  ServerSettings small;
  small.body_bytes_max = 3;
  TestServer strict(small);
  TestClient refused(strict.port());
  CHECK(status_of_response(
            refused.ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")) == 413);
}

TEST_CASE("server: HEAD has the header of GET and no body, 204 neither length nor body") {
  TestServer server;
  TestClient client(server.port());
  client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string head = client.receive_head();
  CHECK(field_of(head, "Content-Length") == "10");
  const std::string empty = client.ask(get("/empty"));
  CHECK(status_of_response(empty) == 204);
  CHECK(field_of(empty, "Content-Length").empty());
  CHECK(body_of(client.ask(get("/next"))) == "GET /next ");
}

TEST_CASE("server: the connection ends when the client or the answer says so") {
  TestServer server;
  for (const std::string& request :
       {get("/x", "Connection: close\r\n"), get("/close"), std::string("GET /x HTTP/1.0\r\n\r\n")}) {
    TestClient client(server.port());
    const std::string response = client.ask(request + get("/never"));
    CHECK(status_of_response(response) == 200);
    CHECK(field_of(response, "Connection") == "close");
    CHECK(client.closed());
  }
  CHECK(server.requests().size() == 3);
  TestClient old(server.port());
  const std::string kept = old.ask("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(field_of(kept, "Connection") == "keep-alive");
  CHECK(status_of_response(old.ask(get("/y"))) == 200);
}

TEST_CASE("server: an answer larger than the socket's buffer arrives whole") {
  TestServer server;
  TestClient client(server.port());
  client.send(get("/big") + get("/next"));
  CHECK(body_of(client.receive()) == std::string(4 << 20, 'x'));
  CHECK(body_of(client.receive()) == "GET /next ");
}

TEST_CASE("server: a large body is read whole, past its limit 413") {
  ServerSettings settings;
  settings.body_limit = [](const Request& head) -> std::size_t {
    CHECK(head.method == "POST");
    return head.path == "/events" ? 1 << 20 : 10;
  };
  TestServer server(settings);
  TestClient client(server.port());
  const std::string megabyte(1 << 20, 'y');
  CHECK(body_of(client.ask(post("/events", megabyte))) == "POST /events " + megabyte);
  SUBCASE("by length, before a byte of it") {
    const std::string response = client.ask("POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    CHECK(status_of_response(response) == 413);
    CHECK(body_of(response) == "body_too_large /other");
    CHECK(client.closed());
  }
  SUBCASE("by length, while the client is still sending it") {
    const std::string response = client.ask(post("/other", megabyte));
    CHECK(status_of_response(response) == 413);
    CHECK(client.closed());
  }
  SUBCASE("by chunks") {
    const std::string response =
        client.ask("POST /other HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsixsix\r\n6\r\n");
    CHECK(status_of_response(response) == 413);
    CHECK(client.closed());
  }
}

TEST_CASE("server: what could smuggle a request is refused, and nothing after it is read") {
  TestServer server;
  const std::string hidden = get("/smuggled");
  for (const std::string& request :
       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n" + hidden,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n" + hidden,
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        "GET / HTTP/1.1\r\n\r\n" + hidden, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + hidden,
        "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n" + hidden,
        "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n" + hidden, "GET / HTTP/1.1\nHost: a\n\n" + hidden,
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + hidden, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + hidden,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n" + hidden, "\r\n" + hidden}) {
    TestClient client(server.port());
    const std::string response = client.ask(request);
    CHECK_MESSAGE(status_of_response(response) == 400, request);
    CHECK(field_of(response, "Connection") == "close");
    CHECK(body_of(response).starts_with("malformed_request"));
    CHECK(client.closed());
  }
  CHECK(server.requests().empty());
}

TEST_CASE("server: refusals have their own status") {
  TestServer server;
  const auto status = [&](const std::string& request) {
    TestClient client(server.port());
    const std::string response = client.ask(request);
    CHECK(client.closed());
    return status_of_response(response);
  };
  CHECK(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
  CHECK(status(get("/", "Expect: tea\r\n")) == 417);
  CHECK(status(get("/" + std::string(9000, 'a'))) == 414);
  CHECK(status(get("/", "X: " + std::string(20'000, 'a') + "\r\n")) == 431);
  CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a')) == 431);
  CHECK(server.server().stats().requests_refused == 5);
}

TEST_CASE("server: a handler that drops its Reply or throws answers 500") {
  ServerSettings settings;
  std::string bug;
  settings.on_exception = [&bug](const std::string& what) { bug = what; };
  TestServer server(settings);
  TestClient client(server.port());
  const std::string dropped = client.ask(get("/drop"));
  CHECK(status_of_response(dropped) == 500);
  CHECK(body_of(dropped) == "internal_error /drop");
  CHECK(status_of_response(client.ask(get("/throw"))) == 500);
  CHECK(bug == "a bug");
  CHECK(status_of_response(client.ask(get("/fine"))) == 200);
}

TEST_CASE("server: a field with a line break never reaches the wire") {
  TestServer server;
  TestClient client(server.port());
  const std::string response = client.ask(get("/bad-field"));
  CHECK(field_of(response, "X-Good") == "1");
  CHECK(response.find("Evil") == std::string::npos);
  CHECK(response.find("X Bad") == std::string::npos);
}

TEST_CASE("server: replies may come from any thread, many at once") {
  TestServer server;
  constexpr std::size_t clients = 50;
  std::vector<std::unique_ptr<TestClient>> all;
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(std::make_unique<TestClient>(server.port()));
    all.back()->send(get("/later"));
    server.wait_for_later(i + 1);
  }
  for (std::size_t i = 0; i < clients; ++i) server.answer_later("answer " + std::to_string(i));
  for (std::size_t i = 0; i < clients; ++i) CHECK(body_of(all[i]->receive()) == "answer " + std::to_string(i));
}

TEST_CASE("server: over the connection limit the answer is 503 with Retry-After") {
  ServerSettings settings;
  settings.connections_max = 2;
  TestServer server(settings);
  TestClient first(server.port());
  TestClient second(server.port());
  CHECK(status_of_response(first.ask(get("/a"))) == 200);
  CHECK(status_of_response(second.ask(get("/a"))) == 200);
  TestClient third(server.port());
  const std::string refused = third.receive();
  CHECK(status_of_response(refused) == 503);
  CHECK(field_of(refused, "Retry-After") == "1");
  CHECK(third.closed());
  CHECK(status_of_response(first.ask(get("/a"))) == 200);
  CHECK(server.server().stats().connections_refused == 1);
}

TEST_CASE("server: several listeners, one marked as the operator's") {
  ServerSettings settings;
  settings.listeners = {{{"127.0.0.1", 0}, false}, {{"localhost", 0}, true}};
  TestServer server(settings);
  REQUIRE(server.port(0) != server.port(1));
  TestClient customer(server.port(0));
  TestClient op(server.port(1));
  customer.ask(get("/a"));
  op.ask(get("/b"));
  CHECK_FALSE(server.requests().at(0).operator_listener);
  CHECK(server.requests().at(1).operator_listener);
}

TEST_CASE("server: several I/O threads share the port") {
  ServerSettings settings;
  settings.threads = 3;
  TestServer server(settings);
  std::vector<std::unique_ptr<TestClient>> all;
  for (int i = 0; i < 30; ++i) all.push_back(std::make_unique<TestClient>(server.port()));
  for (const auto& client : all) client->send(get("/a"));
  for (const auto& client : all) CHECK(body_of(client->receive()) == "GET /a ");
}

TEST_CASE("server: an address in use is told, not waited for") {
  TestServer server;
  ManualClock clock;
  SeededRandom random(1);
  ServerSettings settings;
  settings.listeners.push_back({{"127.0.0.1", server.port()}, false});
  const auto second = Server::open(settings, clock, random);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().detail.find("cannot listen on 127.0.0.1:") == 0);
}

}  // namespace tally::http::server_test
