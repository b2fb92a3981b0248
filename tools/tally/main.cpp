// tally: the operator's command line.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "core/system.h"
#include "tools/tally/arguments.h"

int main(int argc, char** argv) {
  using namespace tally;
  std::signal(SIGPIPE, SIG_IGN);  // `tally … | head` ends by a failed write
  tools::Surroundings surroundings;
  surroundings.environment = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  surroundings.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  surroundings.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  auto parsed = tools::parse_arguments({argv + 1, argv + argc}, surroundings, std::cout, std::cerr);
  if (!parsed.invocation) return parsed.exit_code;

  SystemClock clock;
  SystemRandom random;
  const auto transport = tools::make_curl_transport();
  const auto pause = [](std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
  tools::Session session{
      *transport, clock, random, pause, std::cout, std::cerr, std::move(parsed.invocation->settings)};
  const int code = parsed.invocation->command(session);
  std::cout.flush();
  return code;
}
