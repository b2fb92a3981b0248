// What every command works with: the server, the terminal, and the ways to end.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "core/clock.h"
#include "tools/tally/transport.h"

namespace tally::tools {

// The exit codes, as `tally --help` lists them.
enum class Exit : int {
  ok = 0,
  refused = 1,      // the server understood and said no, or the report failed
  usage = 2,        // the command line, a rules file or another input of ours is wrong
  unreachable = 3,  // no answer, or none in time
  incomplete = 4,   // finished, but part was refused: events by the server, a delivery's signature
};

// Why a command ends early. `text` is for people; `code` is the server's stable word, if it gave one.
struct Failure {
  Exit exit = Exit::refused;
  std::string text;
  std::string code = {};
  int status = 0;
};
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

template <class T>
class [[nodiscard]] Outcome : public boost::system::result<T, Failure> {
 public:
  using boost::system::result<T, Failure>::result;
};

struct Settings {
  std::string server = "http://127.0.0.1:8080";
  std::string operator_token;
  std::string key;  // of a customer, for `usage`
  std::string secret;
  bool as_operator = false;  // of `jobs`: those over many accounts
  bool json = false;         // machine output on stdout
  bool color = false;        // stdout may be coloured
  bool progress = false;     // stderr is a terminal
};

struct Session {
  Transport& transport;
  Clock& clock;
  Random& random;
  std::function<void(std::int64_t ms)> pause;
  std::ostream& out;  // results
  std::ostream& err;  // everything else
  Settings settings;
};

// Says it on `err` (and with --json as {"error":{…}} on `out`) and returns the code to exit with.
int report(Session& session, const Failure& failure);

}  // namespace tally::tools
