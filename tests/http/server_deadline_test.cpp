// Deadlines, drain and the Loop: everything of the server that waits.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include "http/server.h"
#include "tests/http/test_client.h"
#include "tests/http/test_server.h"

namespace tally::http::server_deadline_test {
namespace {

const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

// A flag that one thread raises and another waits for.
class Signal {
 public:
  void raise() {
    const std::scoped_lock lock(mutex_);
    raised_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return raised_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool raised_ = false;
};

}  // namespace

TEST_CASE("deadlines: a header that does not end is 408, however it drips") {
  TestServer server;
  TestClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 100 && !client.readable(1); ++i) {
    client.send("X: y\r\n");
    server.clock().advance_ms(1000);
  }
  REQUIRE(server.advance_until_readable(client, 1000));
  const std::string response = client.receive();
  CHECK(status_of_response(response) == 408);
  CHECK(body_of(response).starts_with("request_timeout"));
  CHECK(server.requests().empty());
  CHECK(server.server().stats().deadlines_missed >= 1);
}

TEST_CASE("deadlines: a body that stops coming is 408 in the shape of its path") {
  TestServer server;
  TestClient client(server.port());
  client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  REQUIRE(server.advance_until_readable(client, 1000));
  const std::string response = client.receive();
  CHECK(status_of_response(response) == 408);
  CHECK(body_of(response) == "request_timeout /slow");
}

TEST_CASE("deadlines: an idle connection is closed without a word") {
  TestServer server;
  TestClient client(server.port());
  CHECK(status_of_response(client.ask(hello)) == 200);
  REQUIRE(server.advance_until_readable(client, 5000));
  CHECK(client.closed());
}

TEST_CASE("deadlines: none runs while a handler works") {
  TestServer server;
  TestClient client(server.port());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  server.wait_for_later(1);
  for (int i = 0; i < 50; ++i) {
    server.clock().advance_ms(60'000);
    CHECK_FALSE(client.readable(1));
  }
  server.answer_later("at last");
  CHECK(body_of(client.receive()) == "at last");
}

TEST_CASE("deadlines: a client that does not read its answer is cut off") {
  TestServer server;
  TestClient client(server.port());
  // Together more than any socket buffer holds.
  for (int i = 0; i < 20; ++i) client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 10'000 && server.server().stats().connections_open > 0; ++i) {
    Signal tick;
    server.server().loop().after(1000, [&tick] { tick.raise(); });
    server.clock().advance_ms(2000);
    tick.wait();
  }
  CHECK(server.server().stats().connections_open == 0);
}

TEST_CASE("drain: requests in flight finish, idle connections close, new ones are refused, run() returns") {
  TestServer server;
  TestClient idle(server.port());
  CHECK(status_of_response(idle.ask(hello)) == 200);
  TestClient busy(server.port());
  busy.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  server.wait_for_later(1);
  server.server().drain();
  CHECK(idle.closed());
  CHECK_THROWS(TestClient(server.port()));
  server.answer_later("finished");
  const std::string response = busy.receive();
  CHECK(body_of(response) == "finished");
  CHECK(field_of(response, "Connection") == "close");
  CHECK(busy.closed());
  busy.shutdown_send();
  server.advance_until_readable(busy, 100);
  server.join();
}

TEST_CASE("drain: what does not finish is cut off at the deadline") {
  TestServer server;
  TestClient busy(server.port());
  busy.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  server.wait_for_later(1);
  server.server().drain();
  REQUIRE(server.advance_until_readable(busy, 1000));
  CHECK(busy.closed());
  server.join();
  server.answer_later("too late, and harmless");
}

TEST_CASE("drain: on_drain is told, so that long polls can be answered") {
  Signal told;
  ServerSettings settings;
  settings.on_drain = [&told] { told.raise(); };
  TestServer server(settings);
  server.server().drain();
  told.wait();
  server.join();
}

TEST_CASE("loop: a timer fires once its time has come, and not when it was cancelled") {
  TestServer server;
  Loop& loop = server.server().loop();
  Signal late;
  bool early = false;
  const Loop::TimerId cancelled = loop.after(1000, [&early] { early = true; });
  loop.after(2000, [&late] { late.raise(); });
  CHECK(loop.cancel(cancelled));
  CHECK_FALSE(loop.cancel(cancelled));
  server.clock().advance_ms(3000);
  late.wait();
  CHECK_FALSE(early);
}

TEST_CASE("loop: a timer never fires before its time") {
  TestServer server;
  Signal first;
  bool second = false;
  server.server().loop().after(1000, [&second] { second = true; });
  server.server().loop().after(990, [&first] { first.raise(); });
  server.clock().advance_ms(995);
  first.wait();
  Signal turn;  // a full turn of the I/O thread
  server.server().loop().post([&turn] { turn.raise(); });
  turn.wait();
  CHECK_FALSE(second);
}

TEST_CASE("loop: ten thousand timers cost little, and all fire") {
  TestServer server;
  std::atomic<int> fired{0};
  Signal all;
  for (int i = 0; i < 10'000; ++i) {
    server.server().loop().after(i % 60'000, [&] {
      if (++fired == 10'000) all.raise();
    });
  }
  server.clock().advance_ms(60'010);
  all.wait();
  CHECK(fired == 10'000);
}

TEST_CASE("loop: posted work runs on the I/O thread") {
  TestServer server;
  Signal done;
  std::thread::id ran;
  server.server().loop().post([&] {
    ran = std::this_thread::get_id();
    done.raise();
  });
  done.wait();
  CHECK(ran != std::this_thread::get_id());
}

}  // namespace tally::http::server_deadline_test
