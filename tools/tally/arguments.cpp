#include "tools/tally/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "core/config.h"
#include "tools/tally/arguments_cli.h"
#include "tools/tally/commands.h"
#include "tools/tally/files.h"
#include "tools/tally/receiver.h"

namespace tally::tools {
namespace {

constexpr const char* default_token_file = "data/operator.token";

constexpr const char* program_footer =
    "EXIT CODES\n"
    "  0  done\n"
    "  1  the server refused, a report failed, or an audit found something wrong\n"
    "  2  the command line or an input file is wrong\n"
    "  3  the server does not answer, or not in time\n"
    "  4  finished, but events were rejected (import) or signatures were wrong (listen)\n\n"
    "EXAMPLES\n"
    "  tally account create acme --name Acme --email billing@acme.example\n"
    "  tally key create acme\n"
    "  tally price set search 1 --category search\n"
    "  tally grant acme 1000 --reference invoice-17\n"
    "  tally import /var/log/nginx/access.log\n"
    "  tally usage --key KEY --secret SECRET --month 2026-02 --group-by endpoint\n"
    "  tally report --month october --group-by endpoint\n"
    "  tally schedule create acme monthly\n"
    "  tally deliveries list --status dead\n"
    "  tally explain acme ent_7\n"
    "  tally audit\n"
    "  tally listen --secret whsec_…\n\n"
    "`tally COMMAND --help` says more. On the machine that runs `tallyd --data ./data`, from the folder above it,\n"
    "no option is needed: the operator's token is found in ./data/operator.token.";

struct GlobalArguments {
  std::string server;
  std::string token;
  std::string token_file;
  bool json = false;
  bool no_color = false;
};

void add_globals(CLI::App& app, GlobalArguments& globals) {
  app.add_option("--server", globals.server, "Where tallyd listens; TALLY_SERVER (default http://127.0.0.1:8080)")
      ->type_name("URL");
  app.add_option("--operator-token", globals.token,
                 "The operator's token; TALLY_OPERATOR_TOKEN (others can see a flag in `ps`)")
      ->type_name("TOKEN");
  app.add_option("--operator-token-file", globals.token_file,
                 "A file that holds it; TALLY_OPERATOR_TOKEN_FILE (default ./data/operator.token)")
      ->type_name("FILE");
  app.add_flag("--json", globals.json, "Machine output on standard output; lists are one object a line");
  app.add_flag("--no-color", globals.no_color, "No colours, as with NO_COLOR set");
}

// Flags before variables before the default file; a file that was named has to be there.
std::string operator_token(const GlobalArguments& globals, const Surroundings& surroundings) {
  const auto from_file = [](const std::string& path) {
    auto token = read_secret_file(path);
    if (!token) throw CLI::ValidationError("operator token", token.error().detail);
    return *token;
  };
  if (!globals.token.empty()) return globals.token;
  if (!globals.token_file.empty()) return from_file(globals.token_file);
  if (auto token = surroundings.environment("TALLY_OPERATOR_TOKEN"); token && !token->empty()) return *token;
  if (auto path = surroundings.environment("TALLY_OPERATOR_TOKEN_FILE"); path && !path->empty())
    return from_file(*path);
  auto token = read_secret_file(default_token_file);
  return token ? *token : std::string();
}

void fill(Settings& settings, const GlobalArguments& globals, const Surroundings& surroundings) {
  const auto variable = [&](const char* name) { return surroundings.environment(name).value_or(""); };
  if (!globals.server.empty()) {
    settings.server = globals.server;
  } else if (const std::string server = variable("TALLY_SERVER"); !server.empty()) {
    settings.server = server;
  }
  while (settings.server.ends_with('/')) settings.server.pop_back();
  settings.operator_token = operator_token(globals, surroundings);
  if (settings.key.empty()) {
    settings.key = variable("TALLY_KEY");
    if (settings.secret.empty()) settings.secret = variable("TALLY_SECRET");
  }
  settings.json = globals.json;
  settings.color = surroundings.out_is_terminal && !globals.no_color && variable("NO_COLOR").empty();
  settings.progress = surroundings.err_is_terminal && variable("TERM") != "dumb";
}

}  // namespace

void add_usage_command(CLI::App& app, Settings& settings, Command& chosen) {
  CLI::App* command = app.add_subcommand("usage", "Ask for a customer's usage report, wait for it, print it");
  auto query = std::make_shared<UsageQuery>();
  command->add_option("--key", settings.key, "The customer's API key; TALLY_KEY");
  command->add_option("--secret", settings.secret, "The key's secret, if it is a pair; TALLY_SECRET");
  command->add_option("--month", query->month, "A whole month (default: the one that is running)")->type_name("MONTH");
  command->add_option("--from", query->from, "The first instant: 2026-02-01, 2026-02-01T00:00:00Z, 'last monday'")
      ->type_name("TIME");
  command->add_option("--to", query->to, "The end, which is not part of it (default: now)")->type_name("TIME");
  command->add_option("--granularity", query->granularity, "hour, day (default), month, year or total")
      ->check(CLI::IsMember({"hour", "day", "month", "year", "total"}));
  command->add_option("--group-by", query->group_by, "endpoint, category, key; several with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"endpoint", "category", "key"}));
  command->add_option("--timeout", query->timeout_seconds, "Seconds to wait for the report (default 60)")
      ->check(CLI::Range(1, 86'400))
      ->type_name("N");
  command->footer(
      "  tally usage --month 2026-02 --group-by endpoint\n"
      "  tally usage --from 2026-02-01 --to 2026-02-08 --granularity hour\n"
      "  tally --json usage --granularity total --group-by category,endpoint | jq .totals");
  command->callback([query, &chosen] { chosen = [query](Session& session) { return usage(session, *query); }; });
}

void add_listen_command(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("listen", "Receive webhooks, verify their signatures and print them");
  auto options = std::make_shared<ListenOptions>();
  command
      ->add_option_function<std::string>(
          "--listen",
          [options](const std::string& text) {
            const auto endpoint = Endpoint::parse(text);
            if (!endpoint) throw CLI::ValidationError("--listen", endpoint.error().detail);
            options->address = endpoint->host;
            options->port = endpoint->port;
          },
          "Where to listen (default 127.0.0.1:9000; port 0: any free one)")
      ->type_name("HOST:PORT");
  command->add_option("--secret", options->secret,
                      "The whsec_… that signs: the account's webhook_secret (told when the account is made, and by GET "
                      "/v1/account) or the webhook's own");
  command->add_option("--count", options->count, "End after so many deliveries")->type_name("N");
  command->add_option("--fail", options->fail, "Answer 500 to the first so many, to see them come again")
      ->type_name("N");
  command->footer(
      "Deliveries are signed as Standard Webhooks say: webhook-id, webhook-timestamp, webhook-signature.\n"
      "A right signature is answered 204, a wrong one 401. To reach this machine, tallyd has to run with\n"
      "--allow-private-callbacks.\n\n"
      "  tally listen --secret $(tally --json account create acme … | jq -r .webhook_secret)\n"
      "  tally listen --count 1 --json | jq .body\n"
      "  tally listen --fail 2            see the retries");
  command->callback([options, &chosen] { chosen = [options](Session& session) { return listen(session, *options); }; });
}

Parsed parse_arguments(std::vector<std::string> arguments, const Surroundings& surroundings, std::ostream& out,
                       std::ostream& err) {
  CLI::App app{"tally: the operator's command line of a Tally server", "tally"};
  app.fallthrough();  // so that `tally account list --json` works as well as `tally --json account list`
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tally ") + TALLY_VERSION);
  app.footer(program_footer);
  app.get_formatter()->column_width(34);
  GlobalArguments globals;
  Settings settings;
  Command chosen;
  add_globals(app, globals);
  add_admin_commands(app, chosen);
  add_ledger_commands(app, chosen);
  add_import_command(app, chosen);
  add_usage_command(app, settings, chosen);
  add_live_commands(app, settings, chosen);
  add_listen_command(app, chosen);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
    fill(settings, globals, surroundings);
  } catch (const CLI::ParseError& error) {
    // CLI11 would only say that a command is missing.
    if (const auto unknown = app.remaining(true); error.get_name() == "RequiredError" && !unknown.empty()) {
      err << "`" << unknown.front() << "` is no command or option here; see tally --help\n";
      return {std::nullopt, static_cast<int>(Exit::usage)};
    }
    const int code = app.exit(error, out, err);
    return {std::nullopt, code == 0 ? 0 : static_cast<int>(Exit::usage)};
  }
  return {Invocation{std::move(settings), std::move(chosen)}, 0};
}

}  // namespace tally::tools
