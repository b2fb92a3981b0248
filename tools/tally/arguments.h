// The command line of `tally`.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tally/session.h"

namespace tally::tools {

using Command = std::function<int(Session&)>;

struct Invocation {
  Settings settings;
  Command command;
};

// What the process was started in, passed in so that tests depend on none of it.
struct Surroundings {
  std::function<std::optional<std::string>(const char* variable)> environment;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

// What to run, or, after --help, --version or a mistake, the exit code to end with: the text was written to `out` or
// `err`. `arguments` are those after the program's name.
struct Parsed {
  std::optional<Invocation> invocation;
  int exit_code = 0;
};
Parsed parse_arguments(std::vector<std::string> arguments, const Surroundings& surroundings, std::ostream& out,
                       std::ostream& err);

}  // namespace tally::tools
