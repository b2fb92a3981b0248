// What the files that define the command line have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "tools/tally/arguments.h"
#include "tools/tally/files.h"

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

// A file of prices, whose text `to` gets.
inline CLI::Option* add_price_file(CLI::App* command, const std::string& name, const std::string& help,
                                   const std::function<void(const std::string&)>& to) {
  return command
      ->add_option_function<std::string>(
          name,
          [name, to](const std::string& path) {
            const auto text = read_file(path);
            if (!text) throw CLI::ValidationError(name, text.error().detail);
            to(*text);
          },
          help + ": [{\"endpoint\":…,\"credits\":…}, …]; - reads standard input")
      ->type_name("FILE");
}

}  // namespace tally::tools
