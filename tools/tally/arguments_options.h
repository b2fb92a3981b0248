// What the files that define the command line have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/tally/arguments.h"

namespace tally::tools {

// A command whose options are `fields` and whose work is `run(session, *fields)`.
template <class Fields, class Run>
void runs(CLI::App* command, std::shared_ptr<Fields> fields, Command& chosen, Run run) {
  command->callback(
      [fields, &chosen, run] { chosen = [fields, run](Session& session) { return run(session, *fields); }; });
}

// Without this a list takes whatever follows it, the arguments too.
inline CLI::Option* one_at_a_time(CLI::Option* option) {
  return option->allow_extra_args(false);
}

inline void add_idempotency_key(CLI::App* command, std::string& key) {
  command
      ->add_option("--idempotency-key", key,
                   "The same key again does nothing again and shows the first answer (default: a new one)")
      ->type_name("KEY");
}

}  // namespace tally::tools
