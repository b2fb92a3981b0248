// report, jobs, webhooks, deliveries, schedule, completion.
#include "tools/tally/arguments_cli.h"
#include "tools/tally/arguments_options.h"
#include "tools/tally/commands.h"
#include "tools/tally/completion.h"

namespace tally::tools {
namespace {

constexpr const char* times_help =
    "Times are UTC: 2026-02-01, 2026-02-01T04:00:00Z, today, yesterday, monday, last monday, last week, last month,\n"
    "3 days ago, october, october 2025.\n\n";

CLI::App* live_group(CLI::App& app, const std::string& name, const std::string& help, const std::string& footer) {
  CLI::App* group = app.add_subcommand(name, help);
  group->require_subcommand(1);
  group->footer(footer);
  return group;
}

void add_customer_key(CLI::App* command, Settings& settings) {
  command->add_option("--key", settings.key, "The customer's API key; TALLY_KEY");
  command->add_option("--secret", settings.secret, "The key's secret, if it is a pair; TALLY_SECRET");
}

// A command that takes one id.
CLI::App* with_id(CLI::App* group, const std::string& name, const std::string& help, const std::string& argument,
                  Command& chosen, int (*run)(Session&, const std::string&)) {
  CLI::App* command = group->add_subcommand(name, help);
  auto id = std::make_shared<std::string>();
  command->add_option(argument, *id, "Its id, as the list shows it")->required();
  runs(command, id, chosen, run);
  return command;
}

void with_limit(CLI::App* group, const std::string& help, Command& chosen, int (*run)(Session&, std::uint64_t)) {
  CLI::App* command = group->add_subcommand("list", help);
  auto limit = std::make_shared<std::uint64_t>(0);
  command->add_option("--limit", *limit, "Show at most so many (default: all)")->type_name("N");
  runs(command, limit, chosen, run);
}

template <class Granularity>
void add_grouping(CLI::App* command, Granularity& granularity, std::vector<std::string>& group_by) {
  command->add_option("--granularity", granularity, "hour, day (default), month, year or total")
      ->check(CLI::IsMember({"hour", "day", "month", "year", "total"}));
  command->add_option("--group-by", group_by, "endpoint, category, key; several with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"endpoint", "category", "key"}));
}

void add_report(CLI::App& app, Settings& settings, Command& chosen) {
  CLI::App* command = app.add_subcommand("report", "Make a report, watch it, show it or save it");
  auto query = std::make_shared<ReportQuery>();
  add_customer_key(command, settings);
  command->add_option("--accounts", query->accounts, "The operator's report over these, with commas; '*': over all")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("ACCOUNT");
  command->add_option("--type", query->type, "usage (default), ledger, statement, what_if")->type_name("TYPE");
  command->add_option("--month", query->usage.month, "A whole month (default: the one that is running)");
  command->add_option("--from", query->usage.from, "The beginning")->type_name("TIME");
  command->add_option("--to", query->usage.to, "The end, which is not part of it (default: now)")->type_name("TIME");
  add_grouping(command, query->usage.granularity, query->usage.group_by);
  add_price_file(command, "--prices", "The draft that a what_if report compares with",
                 [query](const std::string& text) { query->prices = text; });
  command->add_option("--format", query->format, "json (default, shown as a table), ndjson, csv or xml")
      ->check(CLI::IsMember({"json", "ndjson", "csv", "xml"}));
  command->add_option("-o,--output", query->output, "Save the result there; - writes it as it is")->type_name("FILE");
  query->usage.timeout_seconds = 3600;
  command->add_option("--timeout", query->usage.timeout_seconds, "Seconds to wait for the report (default 3600)")
      ->check(CLI::Range(1, 86'400))
      ->type_name("N");
  command->footer(
      std::string(times_help) +
      "  tally report --month october --group-by endpoint\n"
      "  tally report --from 'last monday' --granularity hour\n"
      "  tally report --month 2026-02 --output february.json\n"
      "  tally report --accounts '*' --type statement --month 'last month' --format csv --output close.csv\n"
      "  tally report --accounts '*' --type what_if --prices draft.json");
  runs(command, query, chosen, make_and_show_report);
}

void add_jobs(CLI::App& app, Settings& settings, Command& chosen) {
  CLI::App* group = live_group(app, "jobs", "List, show and cancel a customer's reports, or the operator's",
                               "  tally jobs list --limit 10\n"
                               "  tally jobs --operator list");
  add_customer_key(group, settings);
  group->add_flag("--operator", settings.as_operator, "Those over many accounts");
  with_limit(group, "List the reports, the newest first", chosen, job_list);
  with_id(group, "show", "Show one, with its result", "REPORT", chosen, job_show);
  with_id(group, "cancel", "Give a report up", "REPORT", chosen, job_cancel);
}

void add_webhooks(CLI::App& app, Settings& settings, Command& chosen) {
  CLI::App* group = live_group(app, "webhooks", "Make, list, test and delete a customer's webhooks",
                               "  tally webhooks create https://example.com/hook --event credits.low\n"
                               "  tally webhooks test wh_0123456789abcdef01234567\n"
                               "  tally webhooks rotate wh_0123456789abcdef01234567");
  add_customer_key(group, settings);
  auto made = std::make_shared<WebhookFields>();
  CLI::App* create = group->add_subcommand("create", "Make a webhook; shows its secret, this once");
  create->add_option("URL", made->url, "Where to: https")->required();
  one_at_a_time(create->add_option("--event", made->events, "What to be told of; repeatable"))
      ->required()
      ->type_name("EVENT");
  add_idempotency_key(create, made->idempotency_key);
  runs(create, made, chosen, webhook_create);
  group->add_subcommand("list", "List the webhooks, and why one is disabled")->callback([&chosen] {
    chosen = webhook_list;
  });
  with_id(group, "test", "Send a test delivery", "WEBHOOK", chosen, webhook_test);
  with_id(group, "rotate", "A new secret; the old one signs beside it for a day", "WEBHOOK", chosen, webhook_rotate);
  with_id(group, "enable", "Turn on one that was disabled", "WEBHOOK", chosen, webhook_enable);
  with_id(group, "delete", "Delete a webhook", "WEBHOOK", chosen, webhook_delete);
}

void add_deliveries(CLI::App& app, Command& chosen) {
  CLI::App* group = live_group(app, "deliveries", "The webhook log: list, show, send again",
                               std::string(times_help) +
                                   "  tally deliveries list --status dead\n"
                                   "  tally deliveries show msg_0123456789abcdef01234567\n"
                                   "  tally deliveries replay msg_0123456789abcdef01234567\n"
                                   "  tally deliveries replay --account acme --from yesterday");
  struct Listed {
    std::string status;
    std::uint64_t limit = 0;
  };
  auto listed = std::make_shared<Listed>();
  CLI::App* list = group->add_subcommand("list", "List the deliveries of all accounts");
  list->add_option("--status", listed->status, "pending, delivered or dead")
      ->check(CLI::IsMember({"pending", "delivered", "dead"}));
  list->add_option("--limit", listed->limit, "Show at most so many (default: all)")->type_name("N");
  runs(list, listed, chosen,
       [](Session& session, const Listed& what) { return delivery_list(session, what.status, what.limit); });
  with_id(group, "show", "Show one: what was sent, and what came back", "DELIVERY", chosen, delivery_show);
  auto fields = std::make_shared<ReplayFields>();
  CLI::App* replay = group->add_subcommand("replay", "Send one again, or all of a range of time");
  replay->add_option("DELIVERY", fields->id, "Its id, instead of a range");
  replay->add_option("--account", fields->account, "Of this account alone");
  replay->add_option("--webhook", fields->webhook, "Of this webhook alone");
  replay->add_option("--status", fields->status, "dead (default) or delivered")
      ->check(CLI::IsMember({"dead", "delivered"}));
  replay->add_option("--from", fields->from, "Created then or later")->type_name("TIME");
  replay->add_option("--to", fields->to, "And before this (default: now)")->type_name("TIME");
  add_idempotency_key(replay, fields->idempotency_key);
  runs(replay, fields, chosen, delivery_replay);
}

void add_schedule(CLI::App& app, Command& chosen) {
  CLI::App* group =
      live_group(app, "schedule", "Make, list, pause, resume and delete scheduled reports",
                 "  tally schedule create acme monthly --group-by endpoint\n"
                 "  tally schedule create acme '0 6 * * mon-fri' --period previous_day --granularity hour\n"
                 "  tally schedule create '*' monthly --type statement --format csv\n"
                 "  tally schedule pause sch_0123456789abcdef01234567");
  auto made = std::make_shared<ScheduleFields>();
  CLI::App* create = group->add_subcommand("create", "Make a report of an account again and again");
  create->add_option("ACCOUNT", made->account, "Whose report; '*': the operator's, over all accounts")->required();
  create->add_option("WHEN", made->when, "daily, weekly, monthly, or a cron line, in UTC")->required();
  create->add_option("--name", made->name, "A name for people");
  create->add_option("--type", made->type, "usage (default), ledger, statement")->type_name("TYPE");
  create->add_option("--period", made->period, "previous_hour, _day, _week, _month (default) or _year")
      ->check(CLI::IsMember({"previous_hour", "previous_day", "previous_week", "previous_month", "previous_year"}));
  add_grouping(create, made->granularity, made->group_by);
  create->add_option("--format", made->format, "json (default), ndjson, csv or xml");
  create->add_option("--callback-url", made->callback_url, "Told of each report as it ends")->type_name("URL");
  create->add_option("--start", made->start_at, "Due times after this count (default: now)")->type_name("TIME");
  add_idempotency_key(create, made->idempotency_key);
  runs(create, made, chosen, schedule_create);
  with_limit(group, "List the schedules", chosen, schedule_list);
  with_id(group, "show", "Show one", "SCHEDULE", chosen, schedule_show);
  with_id(group, "pause", "Nothing is due until it is resumed", "SCHEDULE", chosen, schedule_pause);
  with_id(group, "resume", "Due again, from now on", "SCHEDULE", chosen, schedule_resume);
  with_id(group, "delete", "Delete it; its reports stay", "SCHEDULE", chosen, schedule_delete);
}

void collect_words(const CLI::App& command, const std::string& path, std::vector<CompletionWords>& all) {
  CompletionWords words{path, {}, {}};
  const auto subcommands = command.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); });
  for (const CLI::App* one : subcommands) words.subcommands.push_back(one->get_name());
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.options.push_back("--" + name);
  }
  all.push_back(std::move(words));
  for (const CLI::App* one : subcommands) collect_words(*one, path + (path.empty() ? "" : " ") + one->get_name(), all);
}

void add_completion(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("completion", "A script that completes `tally` in a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "  eval \"$(tally completion bash)\"\n"
      "  tally completion fish | source");
  // The whole command line is known when the callback runs, and gone when the command does.
  command->callback([shell, &app, &chosen] {
    std::vector<CompletionWords> words;
    collect_words(app, "", words);
    chosen = [script = completion_script(*shell, words)](Session& session) {
      session.out << script;
      return static_cast<int>(Exit::ok);
    };
  });
}

}  // namespace

void add_live_commands(CLI::App& app, Settings& settings, Command& chosen) {
  add_report(app, settings, chosen);
  add_jobs(app, settings, chosen);
  add_webhooks(app, settings, chosen);
  add_deliveries(app, chosen);
  add_schedule(app, chosen);
  add_completion(app, chosen);
}

}  // namespace tally::tools
