#include "tools/bench/child_server.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "http/json.h"
#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr double start_patience_seconds = 120;

std::int64_t number_in(const std::string& json, std::string_view name) {
  const auto value = must("reading " + json, http::parse_json(json));
  const http::JsonValue* member = value.find(name);
  if (member == nullptr) give_up("no " + std::string(name) + " in " + json);
  return must(json, http::json_integer(member->text));
}

// The port in the log, once its line is complete.
std::optional<std::uint16_t> port_in(const std::string& log) {
  const std::size_t event = log.find("\"server.listening\"");
  if (event == std::string::npos) return std::nullopt;
  const std::size_t begin = log.rfind('\n', event) + 1;
  const std::size_t end = log.find('\n', event);
  if (end == std::string::npos) return std::nullopt;
  return static_cast<std::uint16_t>(number_in(log.substr(begin, end - begin), "port"));
}

}  // namespace

ChildServer::ChildServer(const std::vector<std::string>& arguments, const std::string& log_file)
    : process_(arguments, log_file) {
  const Stopwatch watch;
  while (true) {
    if (const auto port = port_in(read_whole_file(log_file))) {
      port_ = *port;
      return;
    }
    if (process_.has_ended()) give_up(arguments.front() + " ended at its start: " + read_whole_file(log_file));
    if (watch.seconds() > start_patience_seconds) give_up(arguments.front() + " does not say that it listens");
    pause_seconds(0.001);
  }
}

namespace {

std::vector<std::string> tallyd_arguments(const Options& options, const std::string& data,
                                          const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{options.tallyd, "--data", data, "--listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

}  // namespace

Tallyd::Tallyd(const Options& options, const std::string& data, const std::vector<std::string>& flags)
    : ChildServer(tallyd_arguments(options, data, flags), data + ".log") {
  std::string token = read_whole_file(data + "/operator.token");
  while (!token.empty() && token.back() == '\n') token.pop_back();
  authorization_ = "Authorization: Bearer " + token + "\r\n";
}

std::string Tallyd::render(std::string_view method, std::string_view path, std::string_view json) const {
  return render_request(method, path, authorization_, json);
}

std::string Tallyd::call(std::string_view method, std::string_view path, std::string_view json, int expected) const {
  Answer answer = ask(port(), render(method, path, json));
  if (answer.status != expected) {
    give_up(std::string(method) + " " + std::string(path) + " answered " + std::to_string(answer.status) + ": " +
            answer.body);
  }
  return std::move(answer.body);
}

FixedServer::FixedServer(std::size_t body_bytes, const std::string& log_file)
    : ChildServer({std::filesystem::read_symlink("/proc/self/exe").string(), "fixed-server", "--body-bytes",
                   std::to_string(body_bytes)},
                  log_file) {}

FixedServer::Received FixedServer::received() const {
  const Answer answer = ask(port(), render_request("GET", "/received", ""));
  Received received;
  received.posts = static_cast<std::uint64_t>(number_in(answer.body, "posts"));
  received.seconds = static_cast<double>(number_in(answer.body, "last_ns") - number_in(answer.body, "first_ns")) / 1e9;
  return received;
}

void FixedServer::forget_received() const {
  ask(port(), render_request("DELETE", "/received", ""));
}

Nginx::Nginx(const std::vector<std::string>& arguments, const std::string& log_file, std::uint16_t port)
    : process_(arguments, log_file), port_(port) {}

std::unique_ptr<Nginx> Nginx::start(std::size_t body_bytes, const ScratchDirectory& scratch) {
  std::string program;
  for (const char* place : {"/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"}) {
    if (::access(place, X_OK) == 0) program = place;
  }
  if (program.empty()) return nullptr;
  const std::uint16_t port = free_port();
  const std::string folder = scratch / ("nginx-" + std::to_string(port));
  std::filesystem::create_directories(folder);
  std::string config = "daemon off; master_process off; pid " + folder + "/pid; error_log " + folder + "/error.log;\n";
  config += "events { worker_connections 1024; }\nhttp { access_log off; keepalive_requests 1000000000;\n";
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    config += std::string(kind) + "_temp_path " + folder + "/" + kind + ";\n";
  }
  config += "default_type application/json; server { listen 127.0.0.1:" + std::to_string(port) + ";\n";
  config += "location / { return 200 '" + std::string(body_bytes, 'x') + "'; } } }\n";
  write_whole_file(folder + "/nginx.conf", config);
  auto nginx = std::unique_ptr<Nginx>(new Nginx(
      {program, "-p", folder, "-c", folder + "/nginx.conf", "-e", folder + "/error.log"}, folder + ".log", port));
  const Stopwatch watch;
  while (true) {
    try {
      ask(port, render_request("GET", "/", ""));
      return nginx;
    } catch (const std::runtime_error& error) {
      if (nginx->process_.has_ended() || watch.seconds() > 5)
        give_up("nginx does not answer: " + std::string(error.what()));
    }
    pause_seconds(0.01);
  }
}

}  // namespace tally::tools::bench
