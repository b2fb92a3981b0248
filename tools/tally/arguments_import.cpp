// import.
#include "core/ids.h"
#include "tools/tally/arguments_cli.h"
#include "tools/tally/arguments_options.h"
#include "tools/tally/files.h"
#include "tools/tally/import.h"

namespace tally::tools {
namespace {

constexpr const char* import_footer =
    "FORMATS (told by the first line, or by --format)\n"
    "  apache   the common or combined log of Apache and nginx\n"
    "  jsonl    a gateway's log, one JSON object a line; the field names of nginx, Kong, Caddy, Traefik and\n"
    "           API Gateway are known, others by --field path=http.url (a dot goes into nested objects)\n"
    "  ndjson   usage events as POST /operator/v1/events takes them, posted as they are\n\n"
    "WHO AND WHAT\n"
    "  Each client address is an account (83.149.9.216 is ip-83-149-9-216), each first path segment an\n"
    "  endpoint (/search/people?q=x is search; the root is /). A status below 400 is ok and one result.\n"
    "  A --rules file says otherwise, as the flags do, one rule a line:\n"
    "      account 192.0.2.0/24 = acme         # an address, a range, a user, or - for no user\n"
    "      endpoint /api/v2/search = search    # the longest prefix wins\n"
    "      skip /favicon.ico                   # is not counted\n\n"
    "TWICE IS ONCE\n"
    "  An event's id is a hash of its line and how often that line came before, its source the file's name\n"
    "  (without .1 or -20260203, as rotation appends). So the same log, or the same log grown longer, counts\n"
    "  nothing twice for as long as the server remembers ids (32 days or more), and two equal lines count\n"
    "  as two. That memory costs about 20 bytes a line; everything else streams.\n\n"
    "EXAMPLES\n"
    "  tally import /var/log/nginx/access.log\n"
    "  tally import --dry-run access.log | head              what would be sent\n"
    "  tally import --account-by user --endpoint /v1/people=people access.log\n"
    "  gzip -dc access.log.2.gz | tally import --source import:access.log -\n"
    "  tally --json import events.ndjson | jq .rejected\n\n"
    "Bad lines are counted and shown, and end nothing; --strict makes them exit code 4.";

struct ImportArguments {
  std::string file = "-";
  std::string source;
  std::string format = "auto";
  std::string account_by = "address";
  std::string rules_file;
  std::vector<std::string> account_rules;
  std::vector<std::string> endpoint_rules;
  std::vector<std::string> skip_rules;
  std::vector<std::string> fields;
  bool make_accounts = true;
  std::size_t show = 10;
  ImportOptions options;
};

void need(const Result<void>& rule, const char* flag) {
  if (!rule) throw CLI::ValidationError(flag, rule.error().detail);
}

// What CLI11 cannot judge: rules that depend on one another.
void complete(ImportArguments& arguments) {
  ImportOptions& options = arguments.options;
  MappingRules& mapping = options.events.mapping;
  if (arguments.format == "apache") options.format = LogFormat::apache;
  if (arguments.format == "jsonl") options.format = LogFormat::jsonl;
  if (arguments.format == "ndjson") options.format = LogFormat::ndjson;
  if (arguments.account_by == "user") {
    mapping.account_by = AccountBy::user;
  } else if (arguments.account_by != "address") {
    mapping.account_by = AccountBy::field;
    options.events.fields.account = arguments.account_by;
    if (options.format == LogFormat::apache)
      throw CLI::ValidationError("--account-by", "an access log has an address and a user only");
  }
  if (!mapping.account.empty()) {
    if (auto account = parse_account_id(mapping.account); !account)
      throw CLI::ValidationError("--account", account.error().detail);
  }
  for (const std::string& rule : arguments.account_rules) need(add_account_rule(mapping, rule), "--account-rule");
  for (const std::string& rule : arguments.endpoint_rules) need(add_endpoint_rule(mapping, rule), "--endpoint");
  for (const std::string& rule : arguments.skip_rules) need(add_skip_rule(mapping, rule), "--skip");
  for (const std::string& rule : arguments.fields) need(options.events.fields.prefer(rule), "--field");
  if (!arguments.rules_file.empty()) {
    auto text = read_file(arguments.rules_file);
    if (!text) throw CLI::ValidationError("--rules", text.error().detail);
    need(add_rules_file(mapping, *text), "--rules");
  }
  options.events.source = arguments.source.empty() ? source_of(arguments.file) : arguments.source;
  options.send.make_accounts = arguments.make_accounts;
  options.send.complaints_max = options.bad_shown = arguments.show;
}

void add_mapping(CLI::App* command, ImportArguments& arguments) {
  MappingRules& mapping = arguments.options.events.mapping;
  command
      ->add_option("--account-by", arguments.account_by,
                   "Whose call it is: address (default), user, or a field of a JSON log")
      ->type_name("address|user|FIELD");
  command->add_option("--account", mapping.account, "Everything goes to this one account")->type_name("ID");
  one_at_a_time(command->add_option("--account-rule", arguments.account_rules,
                                    "An address, range or user and its account; repeatable"))
      ->type_name("WHO=ID");
  command->add_flag("--create-accounts,!--no-create-accounts", arguments.make_accounts,
                    "Make the accounts that are missing (default)");
  one_at_a_time(
      command->add_option("--endpoint", arguments.endpoint_rules, "The endpoint of paths below a prefix; repeatable"))
      ->type_name("PREFIX=NAME");
  command
      ->add_option("--endpoint-depth", mapping.endpoint_depth,
                   "Path segments that make an endpoint without a rule (default 1)")
      ->check(CLI::Range(1, 16))
      ->type_name("N");
  one_at_a_time(command->add_option("--skip", arguments.skip_rules, "Do not count paths below this prefix; repeatable"))
      ->type_name("PREFIX");
  command->add_option("--rules", arguments.rules_file, "A file of such rules, see below")->type_name("FILE");
  one_at_a_time(command->add_option("--field", arguments.fields,
                                    "A JSON log's own name for time, method, path, status, remote, user, id, bytes"))
      ->type_name("NAME=FIELD");
}

}  // namespace

void add_import_command(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("import", "Count the calls of an access log, a gateway log or a file of events");
  auto arguments = std::make_shared<ImportArguments>();
  ImportOptions& options = arguments->options;
  command->add_option("FILE", arguments->file, "The log; - (the default) is standard input");
  command->add_option("--format", arguments->format, "apache, jsonl or ndjson (default: by the first line)")
      ->check(CLI::IsMember({"auto", "apache", "jsonl", "ndjson"}));
  command->add_option("--source", arguments->source, "The events' source (default import:FILE)")->type_name("NAME");
  add_mapping(command, *arguments);
  command->add_flag("--keep-details", options.events.keep_details,
                    "Keep method, path, status and size with each event");
  command->add_option("--batch", options.batch_lines, "Events a request (default 1000)")
      ->check(CLI::Range(1, 50'000))
      ->type_name("N");
  command->add_option("--parallel", options.send.parallel, "Requests in flight (default 8)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  command
      ->add_option("--attempts", options.send.attempts,
                   "Tries of a request while the server is busy or away (default 10)")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command->add_option("--show", arguments->show, "Bad lines and rejected events to show (default 10)")->type_name("N");
  command->add_flag("--dry-run", options.dry_run, "Print the events instead of sending them");
  command->add_flag("--strict", options.strict, "Exit code 4 also for bad lines");
  command->footer(import_footer);
  command->callback([arguments, &chosen] {
    complete(*arguments);
    chosen = [arguments](Session& session) {
      auto log = open_log(arguments->file);
      if (!log) return report(session, {Exit::usage, log.error().detail});
      return import_log(session, arguments->options, std::move(log->source), log->bytes);
    };
  });
}

}  // namespace tally::tools
