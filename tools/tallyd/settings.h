// The server's settings from the command line, the environment and a TOML file: flags win over variables, variables
// over the file.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/result.h"

namespace tally::tools {

// One setting, whichever way it is given: `webhooks.timeout_seconds` in the file, TALLY_WEBHOOKS_TIMEOUT_SECONDS in the
// environment,
// --webhooks-timeout-seconds on the command line. Lists are separated by commas, or arrays in the file.
struct Setting {
  std::string name;
  std::string help;
  bool is_switch = false;  // true or false; on the command line without a value
  std::string alias = {};  // another flag
  std::function<Result<void>(Config&, std::string_view)> set;
};

const std::vector<Setting>& settings();
std::string flag_of(const Setting& setting);
std::string variable_of(const Setting& setting);

// Applies the TOML text to `config`. An unknown key or a wrong type is Errc::invalid_argument and names it with its
// line.
Result<void> apply_toml(Config& config, std::string_view toml, const std::string& file_name);

// Applies the TALLY_* variables that `lookup` knows (null: not set).
Result<void> apply_environment(Config& config, const std::function<const char*(const std::string&)>& lookup);

// Applies flags, by setting name.
Result<void> apply_flags(Config& config, const std::map<std::string, std::string>& values);

}  // namespace tally::tools
