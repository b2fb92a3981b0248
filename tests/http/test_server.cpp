#include "tests/http/test_server.h"

#include <stdexcept>

namespace tally::http {

TestServer::TestServer(ServerSettings settings) {
  if (settings.listeners.empty()) settings.listeners.push_back({{"127.0.0.1", 0}, false});
  settings.tick_ms = 1;
  if (!settings.error_body) {
    settings.error_body = [](int status, std::string_view code, const Request& request) {
      Response response;
      response.status = status;
      response.content_type = "text/plain";
      response.body = std::string(code) + " " + request.path;
      return response;
    };
  }
  server_ = Server::open(std::move(settings), clock_, random_).value();
  thread_ = std::thread([this] {
    server_->run([this](Request&& request, Reply reply) { handle(std::move(request), std::move(reply)); });
  });
}

TestServer::~TestServer() {
  server_->drain();
  // Whoever still waits is cut off by the deadline, which only this clock reaches.
  while (thread_.joinable() && server_->stats().connections_open > 0) {
    clock_.advance_ms(1000);
    std::this_thread::yield();
  }
  join();
  later_.clear();
}

void TestServer::handle(Request&& request, Reply reply) {
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " " + request.body;
  const std::string path = request.path;
  {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(std::move(request));
    if (path == "/later") later_.push_back(reply);
    changed_.notify_all();
  }
  if (path == "/later" || path == "/drop") return;
  if (path == "/throw") throw std::runtime_error("a bug");
  if (path == "/big") response.body.assign(4 << 20, 'x');
  if (path == "/close") response.close = true;
  if (path == "/empty") {
    response.status = 204;
    response.body.clear();
  }
  if (path == "/bad-field") response.headers = {{"X-Good", "1"}, {"X-Bad", "a\r\nX-Evil: 1"}, {"X Bad", "1"}};
  reply(std::move(response));
}

bool TestServer::advance_until_readable(TestClient& client, std::int64_t step_ms) {
  for (int i = 0; i < 20'000; ++i) {
    if (client.readable(1)) return true;
    clock_.advance_ms(step_ms);
  }
  return false;
}

void TestServer::wait_for_later(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return later_.size() >= count; });
}

Reply TestServer::take_later() {
  const std::scoped_lock lock(mutex_);
  const Reply reply = later_.front();
  later_.erase(later_.begin());
  return reply;
}

void TestServer::answer_later(std::string body) {
  const Reply reply = take_later();
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  reply(std::move(response));
}

void TestServer::join() {
  if (thread_.joinable()) thread_.join();
}

std::vector<Request> TestServer::requests() {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

}  // namespace tally::http
