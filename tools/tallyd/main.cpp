// tallyd: the server.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "core/system.h"
#include "tools/tallyd/app.h"
#include "tools/tallyd/settings.h"
#include "tools/tallyd/version.h"

namespace {

using namespace tally;
using namespace tally::tools;

constexpr int exit_usage = 2;
constexpr int exit_failure = 1;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::invalid_argument, path + ": cannot be read");
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

Result<Config> read_config(const std::string& file, const std::map<std::string, std::string>& flags) {
  Config config;
  if (!file.empty()) {
    const auto text = read_file(file);
    if (!text) return text.error();
    if (auto applied = apply_toml(config, *text, file); !applied) return applied.error();
  }
  const auto lookup = [](const std::string& name) -> const char* { return std::getenv(name.c_str()); };
  if (auto applied = apply_environment(config, lookup); !applied) return applied.error();
  if (auto applied = apply_flags(config, flags); !applied) return applied.error();
  if (auto valid = validate(config); !valid) return valid.error();
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli("tallyd counts API usage and credits, and answers for them over HTTP.", "tallyd");
  cli.footer(
      "Each setting can also come from a TALLY_* variable (TALLY_WEBHOOKS_RETRY_SECONDS) or the TOML file ([webhooks]\n"
      "retry_seconds = [5, 300]). Flags win over variables, variables over the file.\n\n"
      "Example: tallyd --data ./data --listen 127.0.0.1:8080\n"
      "The first start writes the operator's token to DATA/operator.token.");
  std::string file;
  cli.add_option("--config", file, "TOML file with settings")->envname("TALLY_CONFIG");
  std::map<std::string, std::string> flags;
  for (const Setting& setting : settings()) {
    const std::string names = flag_of(setting) + (setting.alias.empty() ? "" : "," + setting.alias);
    if (setting.is_switch) {
      cli.add_flag_callback(
          names, [&flags, name = setting.name] { flags[name] = "true"; }, setting.help);
    } else {
      cli.add_option_function<std::string>(
          names, [&flags, name = setting.name](const std::string& value) { flags[name] = value; }, setting.help);
    }
  }
  cli.set_version_flag("--version", std::string("tallyd ") + tally_version);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : exit_usage;
  }

  std::signal(SIGPIPE, SIG_IGN);
  SystemClock clock;
  SystemRandom random;
  const auto config = read_config(file, flags);
  if (!config) {
    std::cerr << "tallyd: " << config.error().detail << "\n";
    return exit_usage;
  }
  Log log(clock, config->log_format);
  auto app = App::open(*config, clock, random, log);
  if (!app) {
    std::cerr << "tallyd: " << app.error().detail << "\n";
    return exit_failure;
  }
  (*app)->run();
  return 0;
}
