// grant, adjust, hold, balance, ledger, explain, reverse, reload, export, audit.
#include "tools/tally/arguments_cli.h"
#include "tools/tally/arguments_options.h"
#include "tools/tally/audit.h"
#include "tools/tally/ledger_commands.h"

namespace tally::tools {
namespace {

void add_grant(CLI::App& app, Command& chosen) {
  auto fields = std::make_shared<GrantFields>();
  CLI::App* command = app.add_subcommand("grant", "Give an account credits: a lot that it spends until it expires");
  command->add_option("ACCOUNT", fields->account, "The account")->required();
  command->add_option("AMOUNT", fields->amount, "Credits, at most six decimals")->required();
  CLI::Option* expires =
      command->add_option("--expires", fields->expires_at, "When it expires (default: 12 months after purchase)")
          ->type_name("TIME");
  command->add_flag("--never-expires", fields->never_expires, "It does not expire")->excludes(expires);
  command->add_option("--purchased", fields->purchased_at, "When it was bought (default: now)")->type_name("TIME");
  command->add_option("--priority", fields->priority, "Lower is spent first (default 0)")->type_name("N");
  command->add_option("--reference", fields->reference, "Yours: an invoice, an order")->type_name("TEXT");
  command->add_option("--description", fields->description, "For people; the customer sees it")->type_name("TEXT");
  add_idempotency_key(command, fields->idempotency_key);
  command->footer(
      "Lots are spent by lower priority first, then the sooner to expire, then the earlier bought.\n"
      "A debt is paid first.\n\n"
      "  tally grant acme 1000 --reference invoice-17\n"
      "  tally grant acme 50 --expires 2027-01-01 --priority -1 --description 'spend this first'\n"
      "  tally grant acme 1000 --idempotency-key order-4711     safe to run twice");
  runs(command, fields, chosen, grant);
}

void add_adjust(CLI::App& app, Command& chosen) {
  auto fields = std::make_shared<AdjustFields>();
  CLI::App* command = app.add_subcommand("adjust", "Correct a balance by an entry of its own, up or down");
  command->add_option("ACCOUNT", fields->account, "The account")->required();
  command->add_option("AMOUNT", fields->amount, "Credits; -5 takes five away")->required();
  command->add_option("--reason", fields->reason, "Why; the customer sees it")->required()->type_name("TEXT");
  command->add_option("--reference", fields->reference, "Yours: a ticket")->type_name("TEXT");
  add_idempotency_key(command, fields->idempotency_key);
  command->footer(
      "Entries are never edited: a mistake is corrected by another entry. What is added never expires.\n"
      "To take back what one usage event was charged: tally reverse.\n\n"
      "  tally adjust acme 20 --reason 'outage of 3 March'\n"
      "  tally adjust acme -5 --reason 'granted twice' --reference ticket-812");
  runs(command, fields, chosen, adjust);
}

void add_hold(CLI::App& app, Command& chosen) {
  CLI::App* group = app.add_subcommand("hold", "Set credits aside before a call, settle or release them after it");
  group->require_subcommand(1);
  group->footer(
      "A hold is resolved once: settled, released, or expired when its time is over. The same\n"
      "resolution again gives the same answer, another one is refused.\n\n"
      "  tally hold create acme --credits 10 --ttl 300\n"
      "  tally hold create acme --endpoint search --quantity 20\n"
      "  tally hold settle hold_acme.1 7.5\n"
      "  tally hold settle hold_acme.1 --event-id call-9 --endpoint search --results 3\n"
      "  tally hold release hold_acme.1");
  auto made = std::make_shared<HoldFields>();
  CLI::App* create = group->add_subcommand("create", "Set credits aside; refused if the account has fewer");
  create->add_option("ACCOUNT", made->account, "The account")->required();
  create->add_option("--credits", made->credits, "How many")->type_name("CREDITS");
  create->add_option("--endpoint", made->endpoint, "Or what this endpoint costs")->type_name("ENDPOINT");
  create->add_option("--quantity", made->quantity, "So many times (default 1)")->type_name("N");
  create->add_option("--ttl", made->ttl_seconds, "Seconds until it expires (default 60, at most 7 days)")
      ->type_name("N");
  add_idempotency_key(create, made->idempotency_key);
  runs(create, made, chosen, hold_create);

  auto settled = std::make_shared<SettleFields>();
  CLI::App* settle = group->add_subcommand("settle", "Charge what the call cost; the rest is free again");
  settle->add_option("HOLD", settled->hold, "The hold's id")->required();
  settle->add_option("CREDITS", settled->credits, "What it cost; with an event: instead of its price");
  CLI::Option* event =
      settle->add_option("--event-id", settled->event_id, "The usage event that is charged")->type_name("ID");
  CLI::Option* endpoint =
      settle->add_option("--endpoint", settled->endpoint, "The event's endpoint")->type_name("ENDPOINT");
  event->needs(endpoint);
  endpoint->needs(event);
  settle->add_option("--source", settled->source, "The event's source")->needs(event);
  settle->add_option("--results", settled->results, "The event's results")->type_name("N")->needs(event);
  settle->add_option("--time", settled->time, "The event's time (default: now)")->type_name("TIME")->needs(event);
  settle->add_flag("--failed", settled->failed, "The call failed")->needs(event);
  add_idempotency_key(settle, settled->idempotency_key);
  runs(settle, settled, chosen, hold_settle);

  auto released = std::make_shared<ReleaseFields>();
  CLI::App* release = group->add_subcommand("release", "Give it up: nothing is charged");
  release->add_option("HOLD", released->hold, "The hold's id")->required();
  add_idempotency_key(release, released->idempotency_key);
  runs(release, released, chosen, hold_release);

  auto shown = std::make_shared<std::string>();
  CLI::App* show = group->add_subcommand("show", "Show it");
  show->add_option("HOLD", *shown, "The hold's id")->required();
  runs(show, shown, chosen, hold_show);
}

void add_reading(CLI::App& app, Command& chosen) {
  auto account = std::make_shared<std::string>();
  CLI::App* figures = app.add_subcommand("balance", "What an account has: balance, reserved, available, debt, lots");
  figures->add_option("ACCOUNT", *account, "The account")->required();
  figures->footer(
      "balance     the sum of all entries: what is left in open lots, minus debt\n"
      "reserved    set aside by open holds\n"
      "available   balance - reserved, never below 0: what can be spent\n"
      "debt        usage that no lot covered; the next grant pays it first\n\n"
      "  tally --json balance acme | jq -r .available");
  runs(figures, account, chosen, balance);

  auto query = std::make_shared<LedgerQuery>();
  CLI::App* entries = app.add_subcommand("ledger", "An account's entries, the newest first");
  entries->add_option("ACCOUNT", query->account, "The account")->required();
  entries->add_option("--limit", query->limit, "Show at most so many (default 50; 0: all)")->type_name("N");
  entries->add_option("--type", query->type, "grant, debit, adjustment, expiry or reversal")
      ->check(CLI::IsMember({"grant", "debit", "adjustment", "expiry", "reversal"}));
  entries->add_option("--from", query->from, "Not before this instant")->type_name("TIME");
  entries->add_option("--to", query->to, "Before this instant")->type_name("TIME");
  entries->footer(
      "  tally ledger acme --limit 20\n"
      "  tally ledger acme --type debit --from 2026-02-01 --to 2026-03-01 --limit 0\n"
      "  tally explain acme ent_7                      why one of them is there");
  runs(entries, query, chosen, ledger);

  struct Which {
    std::string account;
    std::string entry;
  };
  auto which = std::make_shared<Which>();
  CLI::App* words = app.add_subcommand("explain", "Say in words why an entry is there and what paid for it");
  words->add_option("ACCOUNT", which->account, "The account")->required();
  words->add_option("ENTRY", which->entry, "Its id or number, as `tally ledger` shows it: ent_7 or 7")->required();
  words->footer("  tally explain acme ent_7\n  tally --json explain acme 7 | jq .lots");
  runs(words, which, chosen,
       [](Session& session, const Which& what) { return explain(session, what.account, what.entry); });
}

void add_reverse(CLI::App& app, Command& chosen) {
  auto fields = std::make_shared<ReverseFields>();
  CLI::App* command = app.add_subcommand("reverse", "Take back what a usage event was charged, once");
  command->add_option("ACCOUNT", fields->account, "The account")->required();
  command->add_option("--source", fields->source, "The event's source, if it has one");
  command->add_option("--id", fields->id, "The event's id")->required();
  command->add_option("--reason", fields->reason, "Why; the customer sees it")->required()->type_name("TEXT");
  add_idempotency_key(command, fields->idempotency_key);
  command->footer(
      "The credits go back to the lots they came from, unless those expired; usage reports are corrected.\n"
      "Events of the last 32 days can be reversed.\n\n"
      "  tally reverse acme --source gateway --id call-9 --reason 'answered with garbage'");
  runs(command, fields, chosen, reverse);
}

void add_reload(CLI::App& app, Command& chosen) {
  auto fields = std::make_shared<ReloadFields>();
  CLI::App* command = app.add_subcommand("reload", "Set, show or turn off an account's auto-reload");
  command->add_option("ACCOUNT", fields->account, "The account")->required();
  CLI::Option* threshold = command->add_option("--threshold", fields->threshold, "Buy when less than this is available")
                               ->type_name("CREDITS");
  CLI::Option* amount = command->add_option("--amount", fields->amount, "Buy so many")->type_name("CREDITS");
  CLI::Option* cap =
      command->add_option("--daily-cap", fields->daily_cap, "At most so many a day")->type_name("CREDITS");
  command->add_flag("--off", fields->off, "Turn it off; its figures stay")
      ->excludes(threshold)
      ->excludes(amount)
      ->excludes(cap);
  command->footer(
      "The request goes signed to the address in `payments.url`; a 2xx with a reference grants the credits.\n\n"
      "  tally reload acme                                        shows it\n"
      "  tally reload acme --threshold 100 --amount 1000 --daily-cap 3000\n"
      "  tally reload acme --off");
  runs(command, fields, chosen, reload);
}

void add_export(CLI::App& app, Command& chosen) {
  CLI::App* group = app.add_subcommand("export", "Write data out");
  group->require_subcommand(1);
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = group->add_subcommand("ledger", "Write ledgers as NDJSON that `tally audit --file` verifies");
  command->add_option("--account", options->accounts, "Only this account; repeatable (default: all)")
      ->allow_extra_args(false)
      ->type_name("ID");
  command->add_option("--data", options->data, "From the data directory of a stopped server, not from a server")
      ->type_name("DIR");
  command->footer(
      "A first line says what it is; then come, an account after the other, its lots, its entries, its\n"
      "open holds (from a directory; a server does not list them) and its state; the last line has the\n"
      "counts and the SHA-256 of all bytes before it. Each line has one valid spelling.\n\n"
      "  tally export ledger > ledger.ndjson && tally audit --file ledger.ndjson\n"
      "  tally export ledger --account acme | jq -c 'select(.entry).entry | [.id, .amount]'");
  runs(command, options, chosen, export_ledger);
}

void add_audit(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<AuditOptions>();
  CLI::App* command = app.add_subcommand("audit", "Verify ledgers: a server's, a directory's or an export's");
  CLI::Option* accounts = command->add_option("--account", options->accounts, "Only this account; repeatable")
                              ->allow_extra_args(false)
                              ->type_name("ID");
  CLI::Option* data =
      command->add_option("--data", options->data, "The data directory of a stopped server")->type_name("DIR");
  command->add_option("--file", options->file, "An export, checked offline; - reads standard input")
      ->type_name("FILE")
      ->excludes(data)
      ->excludes(accounts);
  command->footer(
      "Recomputed and compared: the hash chain, every sum, what each lot has left, open holds, balances,\n"
      "and the usage figures with what was debited for usage. Of a live server, what it does not show is\n"
      "named and left out; --data checks everything.\n\n"
      "Exit code 0: all is right; 1: something is wrong, the first wrong entry of each account is named;\n"
      "2: it could not be checked.\n\n"
      "  tally audit\n"
      "  tally audit --data /var/lib/tally\n"
      "  tally export ledger | tally audit --file -");
  runs(command, options, chosen, audit);
}

}  // namespace

void add_ledger_commands(CLI::App& app, Command& chosen) {
  add_grant(app, chosen);
  add_adjust(app, chosen);
  add_hold(app, chosen);
  add_reading(app, chosen);
  add_reverse(app, chosen);
  add_reload(app, chosen);
  add_export(app, chosen);
  add_audit(app, chosen);
}

}  // namespace tally::tools
