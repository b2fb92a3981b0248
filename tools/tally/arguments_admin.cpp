// account, key, price, subscription.
#include "tools/tally/arguments_cli.h"
#include "tools/tally/arguments_options.h"
#include "tools/tally/commands.h"
#include "tools/tally/files.h"

namespace tally::tools {
namespace {

// A command that takes one name.
CLI::App* named(CLI::App* group, const std::string& name, const std::string& help, const std::string& argument,
                const std::string& argument_help, Command& chosen, int (*run)(Session&, const std::string&)) {
  CLI::App* command = group->add_subcommand(name, help);
  auto value = std::make_shared<std::string>();
  command->add_option(argument, *value, argument_help)->required();
  runs(command, value, chosen, run);
  return command;
}

void add_limit(CLI::App* command, std::uint64_t& limit) {
  command->add_option("--limit", limit, "Show at most so many (default: all)")->type_name("N");
}

CLI::App* group_of(CLI::App& app, const std::string& name, const std::string& help, const std::string& footer) {
  CLI::App* group = app.add_subcommand(name, help);
  group->require_subcommand(1);
  group->footer(footer);
  return group;
}

void add_account_fields(CLI::App* command, const std::shared_ptr<AccountFields>& fields) {
  command->add_option("--currency", fields->currency, "What the credits are billed in: USD, EUR …")->type_name("CODE");
  command->add_option("--overdraft-limit", fields->overdraft_limit, "Credits that holds may go below zero")
      ->type_name("CREDITS");
  command
      ->add_option_function<std::string>(
          "--password-file",
          [fields](const std::string& path) {
            auto password = read_secret_file(path);
            if (!password) throw CLI::ValidationError("--password-file", password.error().detail);
            fields->password = *password;
          },
          "The account's password for the dialects that log in; - reads it from standard input")
      ->type_name("FILE");
}

void add_account(CLI::App& app, Command& chosen) {
  CLI::App* group = group_of(app, "account", "Make, list, show and change accounts",
                             "An account is a customer: events are charged to it, keys belong to it.\n\n"
                             "  tally account create acme --name 'Acme Inc' --email billing@acme.example\n"
                             "  tally account list\n"
                             "  tally account change acme --overdraft-limit 100\n"
                             "  tally --json account show acme | jq .subscription");
  auto made = std::make_shared<AccountFields>();
  CLI::App* create = group->add_subcommand("create", "Make an account; shows it, with its webhook_secret");
  create->add_option("ID", made->id, "Lower-case letters, digits, _ and -; at most 63")->required();
  create->add_option("--name", made->name, "The customer's name")->required();
  create->add_option("--email", made->email, "The customer's address")->required()->type_name("ADDRESS");
  add_account_fields(create, made);
  add_idempotency_key(create, made->idempotency_key);
  runs(create, made, chosen, account_create);

  auto limit = std::make_shared<std::uint64_t>(0);
  CLI::App* list = group->add_subcommand("list", "List the accounts");
  add_limit(list, *limit);
  runs(list, limit, chosen, account_list);

  named(group, "show", "Show one account", "ID", "The account", chosen, account_show);

  auto changed = std::make_shared<AccountFields>();
  CLI::App* change = group->add_subcommand("change", "Change what is named; the rest stays");
  change->add_option("ID", changed->id, "The account")->required();
  change->add_option("--name", changed->name, "The customer's name");
  change->add_option("--email", changed->email, "The customer's address")->type_name("ADDRESS");
  add_account_fields(change, changed);
  one_at_a_time(change->add_option("--low-balance-threshold", changed->low_balance_thresholds,
                                   "Tell by webhook when the balance falls below; repeatable"))
      ->type_name("CREDITS");
  runs(change, changed, chosen, account_change);
}

void add_key_fields(CLI::App* command, KeyFields& fields) {
  command->add_option("--name", fields.name, "A name for people");
  one_at_a_time(
      command->add_option("--scope", fields.scopes,
                          "What the key may do: account, reports, webhooks or calls; repeatable, all of them without"))
      ->type_name("SCOPE");
  one_at_a_time(command->add_option("--allowed-ip", fields.allowed_ips,
                                    "The key works from these addresses only (IPv4, IPv6, CIDR); repeatable"))
      ->type_name("CIDR");
  command->add_option("--per-second", fields.per_second, "Requests a second at most")->type_name("N");
  command->add_option("--per-minute", fields.per_minute, "Requests a minute at most")->type_name("N");
  command->add_option("--per-hour", fields.per_hour, "Requests an hour at most")->type_name("N");
  command->add_option("--per-day", fields.per_day, "Requests a day at most")->type_name("N");
  command->add_option("--expires", fields.expires_at, "When it stops working (default: never)")->type_name("TIME");
}

void add_key(CLI::App& app, Command& chosen) {
  CLI::App* group = group_of(
      app, "key", "Make, list, change and delete an account's API keys",
      "A `pair` is a key and a secret, both demanded; a `token` is a key alone.\n"
      "Key and secret are shown once, when made.\n\n"
      "  tally key create acme --kind pair --name production --per-minute 60\n"
      "  tally key create acme --allowed-ip 192.0.2.0/24 --allowed-ip 2001:db8::/32\n"
      "  tally key change key_0123456789abcdef01234567 --status disabled\n"
      "  eval $(tally --json key create acme | jq -r '\"export TALLY_KEY=\\(.key) TALLY_SECRET=\\(.secret)\"')");
  auto made = std::make_shared<KeyFields>();
  made->kind = "pair";
  CLI::App* create = group->add_subcommand("create", "Make a key; shows it and its secret, this once");
  create->add_option("ACCOUNT", made->id, "The account")->required();
  create->add_option("--kind", made->kind, "pair (the default) or token")->check(CLI::IsMember({"pair", "token"}));
  create
      ->add_option("--format", made->format,
                   "How the key's text looks: tally (the default) or ru_v2, as Rich Utilities'")
      ->check(CLI::IsMember({"tally", "ru_v2"}));
  add_key_fields(create, *made);
  add_idempotency_key(create, made->idempotency_key);
  runs(create, made, chosen, key_create);

  struct Listed {
    std::string account;
    std::uint64_t limit = 0;
  };
  auto listed = std::make_shared<Listed>();
  CLI::App* list = group->add_subcommand("list", "List an account's keys, without their secrets");
  list->add_option("ACCOUNT", listed->account, "The account")->required();
  add_limit(list, listed->limit);
  runs(list, listed, chosen,
       [](Session& session, const Listed& what) { return key_list(session, what.account, what.limit); });

  auto changed = std::make_shared<KeyFields>();
  CLI::App* change = group->add_subcommand("change", "Change what is named; the rest stays");
  change->add_option("KEY", changed->id, "The key's id, as `key list` shows it")->required();
  change->add_option("--status", changed->status, "active or disabled")->check(CLI::IsMember({"active", "disabled"}));
  add_key_fields(change, *changed);
  runs(change, changed, chosen, key_change);

  named(group, "delete", "Delete a key for good", "KEY", "The key's id", chosen, key_delete);
}

void add_price(CLI::App& app, Command& chosen) {
  CLI::App* group = group_of(app, "price", "Set, list, show and delete prices",
                             "A price belongs to an endpoint. --charge-on says what one unit is: each `result`\n"
                             "returned (the default), each `success`, or each `request`, failed ones too.\n"
                             "Prices have versions: events are charged by the one in force at their time.\n\n"
                             "  tally price set search 1 --category search\n"
                             "  tally price set enrich 2.5 --charge-on success --option verified_email=0.5\n"
                             "  tally price set search 1.2 --effective-at 2027-01-01T00:00:00Z\n"
                             "  tally price set --file prices.json      (a list, accepted whole or not at all)");
  auto fields = std::make_shared<PriceFields>();
  CLI::App* set = group->add_subcommand("set", "Set a price, or with --file many");
  CLI::Option* endpoint = set->add_option("ENDPOINT", fields->endpoint, "What events name; may contain /");
  CLI::Option* credits = set->add_option("CREDITS", fields->credits, "Per unit, at most six decimals");
  endpoint->needs(credits);
  set->add_option("--category", fields->category, "Groups reports: search, enrichment, or any word");
  set->add_option("--charge-on", fields->charge_on, "result, success or request")
      ->check(CLI::IsMember({"result", "success", "request"}));
  one_at_a_time(set->add_option("--option", fields->options, "The price of a line item; repeatable"))
      ->type_name("NAME=CREDITS");
  set->add_option("--effective-at", fields->effective_at, "When it begins (default now); may lie in the past")
      ->type_name("TIME");
  add_price_file(set, "--file", "Prices as JSON", [fields](const std::string& text) {
    fields->list = text;
  })->excludes(endpoint);
  add_idempotency_key(set, fields->idempotency_key);
  set->callback([fields, &chosen] {
    if (fields->endpoint.empty() && !fields->list) throw CLI::RequiredError("ENDPOINT CREDITS, or --file,");
    chosen = [fields](Session& session) { return price_set(session, *fields); };
  });

  auto limit = std::make_shared<std::uint64_t>(0);
  CLI::App* list = group->add_subcommand("list", "List the prices");
  add_limit(list, *limit);
  runs(list, limit, chosen, price_list);
  named(group, "show", "Show one endpoint's price", "ENDPOINT", "The endpoint", chosen, price_show);
  named(group, "delete", "Take an endpoint's price away, from now on", "ENDPOINT", "The endpoint", chosen,
        price_delete);
}

void add_subscription(CLI::App& app, Command& chosen) {
  CLI::App* group = group_of(app, "subscription", "Set and show an account's subscription",
                             "Each calendar month grants the allocation as credits that end with the month.\n\n"
                             "  tally subscription set acme --plan pro --monthly-allocation 5000\n"
                             "  tally subscription set acme --plan enterprise --unlimited");
  auto fields = std::make_shared<SubscriptionFields>();
  CLI::App* set = group->add_subcommand("set", "Set it whole: what is not named gets its default");
  set->add_option("ACCOUNT", fields->account, "The account")->required();
  set->add_option("--plan", fields->plan, "TOPUP, pro, or any word")->required();
  set->add_option("--monthly-allocation", fields->monthly_allocation, "Credits a month")->type_name("CREDITS");
  set->add_flag("--unlimited", fields->unlimited, "Metered and priced, never debited");
  set->add_flag("--rollover", fields->rollover, "What is left moves into the next month");
  set->add_option("--rollover-cap", fields->rollover_cap, "At most so much moves")->type_name("CREDITS");
  runs(set, fields, chosen, subscription_set);
  named(group, "show", "Show it", "ACCOUNT", "The account", chosen, subscription_show);
}

}  // namespace

void add_admin_commands(CLI::App& app, Command& chosen) {
  add_account(app, chosen);
  add_key(app, chosen);
  add_price(app, chosen);
  add_subscription(app, chosen);
}

}  // namespace tally::tools
