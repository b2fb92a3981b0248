// Between the files that define the command line. Each adds subcommands whose callback says what to run.
#pragma once

#include "tools/tally/arguments.h"

namespace CLI {
class App;
}

namespace tally::tools {

// `settings` is filled in while parsing; commands read it from their session.
void add_admin_commands(CLI::App& app, Command& chosen);
void add_ledger_commands(CLI::App& app, Command& chosen);
void add_import_command(CLI::App& app, Command& chosen);
void add_usage_command(CLI::App& app, Settings& settings, Command& chosen);
void add_live_commands(CLI::App& app, Settings& settings, Command& chosen);
void add_listen_command(CLI::App& app, Command& chosen);

}  // namespace tally::tools
