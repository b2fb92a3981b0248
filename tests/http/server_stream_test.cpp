#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>

#include "http/body_stream.h"
#include "tests/http/test_client.h"
#include "tests/http/test_server.h"

namespace tally::http::server_stream_test {

std::string ask_for(std::string_view path, std::string_view method = "GET", std::string_view version = "1.1") {
  return std::string(method) + " " + std::string(path) + " HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n";
}

// Answers the request to /later that waits with a stream, whose writer it returns.
std::shared_ptr<BodyWriter> stream_to(TestServer& server, std::size_t waiting_bytes_max = 1000,
                                      std::optional<std::uint64_t> bytes = std::nullopt) {
  server.wait_for_later(1);
  auto ends = make_body_stream(waiting_bytes_max);
  Response response;
  response.content_type = "text/plain";
  response.body = "begin ";
  response.stream = std::move(ends.reader);
  response.stream_bytes = bytes;
  server.take_later()(std::move(response));
  return ends.writer;
}

void wait_until(const std::atomic<bool>& done) {
  while (!done) std::this_thread::yield();
}

TEST_CASE("body stream: what is written waits up to the bound, and past it the client is cut off") {
  const BodyEnds ends = make_body_stream(10);
  int woken = 0;
  ends.reader->on_more([&] { ++woken; });
  CHECK(ends.writer->write("12345"));
  CHECK(ends.writer->write("67890"));
  CHECK(woken == 1);
  CHECK(!ends.writer->write("x"));
  CHECK(!ends.writer->write(""));
  CHECK(woken == 2);
  CHECK(ends.reader->take().overrun);
}

TEST_CASE("body stream: a reader takes what is there, and the end with the last of it") {
  const BodyEnds ends = make_body_stream(10);
  CHECK(ends.writer->write("12345"));
  BodyReader::Piece piece = ends.reader->take();
  CHECK(piece.bytes == "12345");
  CHECK(!piece.last);
  CHECK(ends.writer->write("1234567890"));
  ends.writer->end();
  CHECK(!ends.writer->write("x"));
  piece = ends.reader->take();
  CHECK(piece.bytes == "1234567890");
  CHECK(piece.last);
}

TEST_CASE("body stream: a writer that goes ends the body; a reader that goes is told to the writer, once") {
  BodyEnds ends = make_body_stream(10);
  ends.writer.reset();
  CHECK(ends.reader->take().last);

  ends = make_body_stream(10);
  int gone = 0;
  ends.writer->on_gone([&] { ++gone; });
  ends.reader.reset();
  CHECK(gone == 1);
  CHECK(!ends.writer->write("x"));
  ends.writer->on_gone([&] { ++gone; });
  CHECK(gone == 2);
  ends.writer->end();
  CHECK(gone == 2);
}

TEST_CASE("server: a body may come in pieces, and the connection serves on") {
  TestServer server;
  TestClient client(server.port());
  client.send(ask_for("/later"));
  const auto writer = stream_to(server);
  const std::string head = client.receive_until("begin \r\n");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(field_of(head, "Transfer-Encoding") == "chunked");
  CHECK(field_of(head, "Content-Length").empty());
  CHECK(head.ends_with("\r\n\r\n6\r\nbegin \r\n"));
  CHECK(writer->write("middle"));
  CHECK(client.receive_until("middle\r\n") == "6\r\nmiddle\r\n");
  writer->write("the end");
  writer->end();
  CHECK(client.receive_until("0\r\n\r\n").find("the end") != std::string::npos);
  CHECK(body_of(client.ask(ask_for("/next"))) == "GET /next ");
  CHECK(server.server().stats().connections_accepted == 1);
}

TEST_CASE("server: what is pipelined behind a streamed answer is answered when that has ended") {
  TestServer server;
  TestClient client(server.port());
  client.send(ask_for("/later") + ask_for("/second"));
  const auto writer = stream_to(server);
  (void)client.receive_until("begin \r\n");
  client.send(ask_for("/third"));
  CHECK(writer->write("x"));
  CHECK(client.receive_until("x\r\n") == "1\r\nx\r\n");
  CHECK(server.requests().size() == 1);
  writer->end();
  CHECK(client.receive_until(std::string("0\r\n\r\n")) == std::string("0\r\n\r\n"));
  CHECK(body_of(client.receive()) == "GET /second ");
  CHECK(body_of(client.receive()) == "GET /third ");
}

TEST_CASE("server: a client of HTTP/1.0 gets a streamed body without chunks, until the connection closes") {
  TestServer server;
  TestClient client(server.port());
  client.send(ask_for("/later", "GET", "1.0"));
  const auto writer = stream_to(server);
  CHECK(writer->write("more"));
  writer->end();
  const std::string all = client.receive_all();
  CHECK(field_of(all, "Transfer-Encoding").empty());
  CHECK(field_of(all, "Connection") == "close");
  CHECK(body_of(all) == "begin more");
}

TEST_CASE("server: a streamed body whose length is known comes without chunks, and the connection serves on") {
  TestServer server;
  TestClient client(server.port());
  for (const std::string_view version : {"1.1", "1.0"}) {
    const std::string keep = version == "1.0" ? "Connection: keep-alive\r\n" : "";
    client.send("GET /later HTTP/" + std::string(version) + "\r\nHost: a\r\n" + keep + "\r\n");
    const auto writer = stream_to(server, 1000, 10);
    CHECK(writer->write("mo"));
    CHECK(writer->write("re"));
    writer->end();
    const std::string answer = client.receive();
    CHECK(field_of(answer, "Transfer-Encoding").empty());
    CHECK(field_of(answer, "Content-Length") == "10");
    CHECK(body_of(answer) == "begin more");
  }
  CHECK(body_of(client.ask(ask_for("/next"))) == "GET /next ");
  CHECK(server.server().stats().connections_accepted == 1);
}

TEST_CASE("server: a body that ends before the length it was told to have cuts the connection") {
  TestServer server;
  TestClient client(server.port());
  client.send(ask_for("/later"));
  const auto writer = stream_to(server, 1000, 11);
  CHECK(writer->write("more"));
  writer->end();
  CHECK(body_of(client.receive_all()).size() < 11);
}

TEST_CASE("server: HEAD gets the header of a streamed answer alone") {
  TestServer server;
  TestClient client(server.port());
  std::optional<std::uint64_t> bytes;
  SUBCASE("of unknown length") {}
  SUBCASE("of known length") {
    bytes = 10;
  }
  client.send(ask_for("/later", "HEAD"));
  const auto writer = stream_to(server, 1000, bytes);
  const std::string head = client.receive_head();
  CHECK(field_of(head, "Transfer-Encoding") == (bytes ? "" : "chunked"));
  CHECK(field_of(head, "Content-Length") == (bytes ? "10" : ""));
  CHECK(body_of(client.ask(ask_for("/next"))) == "GET /next ");
  CHECK(!writer->write("x"));
}

TEST_CASE("server: a client that goes is noticed while nothing is written") {
  TestServer server;
  std::atomic<bool> gone{false};
  std::shared_ptr<BodyWriter> writer;
  {
    TestClient client(server.port());
    client.send(ask_for("/later"));
    writer = stream_to(server);
    (void)client.receive_until("begin \r\n");
    writer->on_gone([&] { gone = true; });
  }
  wait_until(gone);
  CHECK(!writer->write("x"));
}

TEST_CASE("server: a client that goes before its answer is told to the writer") {
  TestServer server;
  {
    TestClient client(server.port());
    client.send(ask_for("/later"));
    server.wait_for_later(1);
  }
  std::atomic<bool> gone{false};
  const auto writer = stream_to(server);
  writer->on_gone([&] { gone = true; });
  wait_until(gone);
}

TEST_CASE("server: a client that does not read is cut off once the bound is reached, and others are served") {
  TestServer server;
  TestClient slow(server.port());
  slow.send(ask_for("/later"));
  const auto writer = stream_to(server, 64 << 10);
  std::atomic<bool> gone{false};
  writer->on_gone([&] { gone = true; });
  std::size_t written = 0;
  while (writer->write(std::string(16 << 10, 'x'))) {
    written += 16 << 10;
    REQUIRE(written < (256 << 20));
  }
  TestClient other(server.port());
  CHECK(body_of(other.ask(ask_for("/next"))) == "GET /next ");
  // What is being written when the bound is reached has its deadline.
  while (!gone) {
    server.clock().advance_ms(1000);
    std::this_thread::yield();
  }
}

TEST_CASE("server: draining waits for a stream to end, and closes its connection then") {
  TestServer server;
  TestClient client(server.port());
  client.send(ask_for("/later"));
  const auto writer = stream_to(server);
  (void)client.receive_until("begin \r\n");
  server.server().drain();
  writer->write("good bye");
  writer->end();
  CHECK(client.receive_all() == "8\r\ngood bye\r\n0\r\n\r\n");
}

}  // namespace tally::http::server_stream_test
