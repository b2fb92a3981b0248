// Ledgers of a running server.
#include <algorithm>

#include "core/report.h"
#include "http/json.h"
#include "http/ledger_wire.h"
#include "tools/tally/ledger_paths.h"
#include "tools/tally/ledger_reader.h"
#include "tools/tally/ledger_sources.h"

namespace tally::tools {
namespace {

constexpr Patience ledger_patience{5};
constexpr std::uint64_t page_items_max = 500;
constexpr int tries_max = 20;
constexpr std::int64_t pause_ms_max = 250;
constexpr int report_wait_seconds = 20;
constexpr int report_polls_max = 30;

Failure unreadable(const std::string& path, const std::string& why) {
  return {Exit::refused, "the answer to GET " + path + " cannot be used: " + why, {}, 200};
}

class ServerReader {
 public:
  ServerReader(Session& session, LedgerSink& sink) : session_(session), api_(session), sink_(sink) {}

  Outcome<void> read(const AccountId& account) {
    for (int attempt = 1; attempt <= tries_max; ++attempt) {
      auto moment = look(account);
      if (!moment) return moment.error();
      auto again = look_briefly(account);
      if (!again) return again.error();
      // Holds that do not add up may be of another moment, though nothing else has changed: look again.
      if (moment->same_as(*again) && (moment->holds_add_up() || attempt == tries_max)) return give(account, *moment);
      session_.pause(std::min<std::int64_t>(10 * attempt, pause_ms_max));
    }
    auto moment = look(account);
    if (!moment) return moment.error();
    if (const auto given = give_rows(account, *moment); !given) return given.error();
    sink_.unsettled(account);
    return {};
  }

 private:
  // What the server said within a short time, which is one truth if nothing changed meanwhile.
  struct Moment {
    AccountFigures figures;
    Credits debt;
    Credits available;
    std::vector<LotNow> lots;
    std::vector<Hold> holds;
    bool holds_add_up() const {
      Credits sum;
      for (const Hold& hold : holds) {
        const auto more = add(sum, hold.reserved);
        if (!more) return false;
        sum = *more;
      }
      return !figures.open_holds || sum == figures.state.reserved;
    }
    bool same_as(const Moment& other) const {
      const LedgerState& a = figures.state;
      const LedgerState& b = other.figures.state;
      return a.last_entry == b.last_entry && a.balance == b.balance && a.reserved == b.reserved;
    }
  };

  Outcome<http::JsonValue> get(const std::string& path) {
    auto answer = api_.send("GET", path, "", "", ledger_patience);
    if (!answer) return answer.error();
    auto json = http::parse_json(std::move(answer->body));
    if (json) return std::move(*json);
    return unreadable(path, json.error().detail);
  }

  Outcome<Moment> look_briefly(const AccountId& account) {
    Moment moment;
    const std::string path = account_path(account.str(), "/balance");
    const auto balance = get(path);
    if (!balance) return balance.error();
    http::JsonReader in(*balance);
    LedgerState& state = moment.figures.state;
    state.balance = in.credits("balance");
    state.reserved = in.credits("reserved");
    moment.available = in.credits("available");
    moment.debt = in.credits("debt");
    if (auto good = in.finish(); !good && good.error().rule != "unknown_field")
      return unreadable(path, good.error().detail);
    const auto newest = page(account_path(account.str(), "/ledger?limit=1"));
    if (!newest) return newest.error();
    if (!newest->empty()) {
      const auto entry = read_entry(newest->front(), account);
      if (!entry) return unreadable("the newest entry of " + account.str(), entry.error().detail);
      state.last_entry = entry->seq;
      state.last_hash = entry->hash;
      state.last_at = entry->created_at;
    }
    return moment;
  }

  Outcome<Moment> look(const AccountId& account) {
    auto moment = look_briefly(account);
    if (!moment) return moment;
    while (true) {
      // The cursor of a page of lots is the id of the lot before it.
      const std::string after = moment->lots.empty() ? "" : "&cursor=" + http::lot_id(moment->lots.back().lot.number);
      const std::string path = account_path(account.str(), "/lots?limit=" + std::to_string(page_items_max) + after);
      const auto lots = page(path);
      if (!lots) return lots.error();
      for (const http::JsonValue& item : *lots) {
        auto lot = read_lot(item);
        if (!lot) return unreadable(path, lot.error().detail);
        moment->lots.push_back(std::move(*lot));
      }
      if (lots->size() < page_items_max) break;
    }
    if (auto holds = look_at_holds(account, *moment); !holds) return holds.error();
    auto metered = usage(account);
    if (!metered) return metered.error();
    moment->figures.metered = *metered;
    return moment;
  }

  // The open holds; nothing of a server that does not list them.
  Outcome<void> look_at_holds(const AccountId& account, Moment& moment) {
    while (true) {
      const std::string after =
          moment.holds.empty() ? "" : "&cursor=" + http::hold_id(account, moment.holds.back().number);
      const std::string path = account_path(account.str(), "/holds?limit=" + std::to_string(page_items_max) + after);
      const auto holds = page(path);
      if (!holds && (holds.error().status == 404 || holds.error().status == 405)) return {};
      if (!holds) return holds.error();
      for (const http::JsonValue& item : *holds) {
        auto hold = read_open_hold(item, account);
        if (!hold) return unreadable(path, hold.error().detail);
        moment.holds.push_back(std::move(*hold));
      }
      if (holds->size() < page_items_max) break;
    }
    moment.figures.open_holds = moment.holds.size();
    return {};
  }

  Outcome<void> give(const AccountId& account, Moment& moment) {
    LedgerState& state = moment.figures.state;
    for (const LotNow& now : moment.lots) {
      if (auto added = add_open_lot(state, now); !added) sink_.wrong(account, std::nullopt, added.error().detail);
    }
    state.last_lot = moment.lots.empty() ? 0 : moment.lots.back().lot.number;
    if (const auto debt = subtract(state.in_lots, state.balance); !debt || *debt != moment.debt)
      sink_.wrong(account, std::nullopt, "the debt is not what is left in the lots less the balance");
    if (state.available() != moment.available)
      sink_.wrong(account, std::nullopt, "what is available is not balance less reserved");
    const auto last_hold = give_rows(account, moment);
    if (!last_hold) return last_hold.error();
    state.last_hold = moment.holds.empty() ? *last_hold : std::max(*last_hold, moment.holds.back().number);
    sink_.end(account, moment.figures);
    return {};
  }

  // The number of the last hold that an entry names.
  Outcome<std::uint64_t> give_rows(const AccountId& account, const Moment& moment) {
    for (const LotNow& now : moment.lots) sink_.lot(account, now.lot, now.remaining);
    auto last_hold = give_entries(account, moment.figures.state.last_entry);
    for (const Hold& hold : moment.holds) sink_.hold(account, hold);
    return last_hold;
  }

  // In order, though the server's pages go backwards: a page ends before its cursor, which is an entry's id.
  Outcome<std::uint64_t> give_entries(const AccountId& account, std::uint64_t last) {
    std::uint64_t last_hold = 0;
    std::uint64_t next = 1;
    std::uint64_t size = page_items_max;
    while (next <= last) {
      const std::uint64_t end = std::min(next + size, last + 1);
      const std::string path =
          account_path(account.str(), "/ledger?limit=" + std::to_string(end - next) + "&cursor=" + http::entry_id(end));
      auto answer = api_.send("GET", path, "", "", ledger_patience);
      if (!answer) return answer.error();
      const auto json = http::parse_json(std::move(answer->body));
      if (!json && json.error().code == Errc::too_large && size > 1) {  // entries that name very many lots
        size = std::max<std::uint64_t>(1, size / 8);
        continue;
      }
      if (!json) return unreadable(path, json.error().detail);
      const http::JsonValue* items = json->find("items");
      if (items == nullptr || items->items.empty()) {
        sink_.wrong(account, next, "entry " + std::to_string(next) + ": the server does not show it");
        return last_hold;
      }
      for (auto item = items->items.rbegin(); item != items->items.rend(); ++item) {
        const auto entry = read_entry(*item, account);
        if (!entry) {
          sink_.wrong(account, next, "entry " + std::to_string(next) + ": cannot be read: " + entry.error().detail);
          return last_hold;
        }
        last_hold = std::max(last_hold, entry->hold);
        sink_.entry(account, *entry);
      }
      next = end;
    }
    return last_hold;
  }

  Outcome<std::vector<http::JsonValue>> page(const std::string& path) {
    auto answer = get(path);
    if (!answer) return answer.error();
    for (std::size_t i = 0; i < answer->names.size(); ++i) {
      if (answer->names[i] == "items") return std::move(answer->items[i].items);
    }
    return unreadable(path, "it is no list");
  }

  // What the account's usage cost in all years, by reports; nothing if the server makes none for the operator.
  Outcome<std::optional<Metered>> usage(const AccountId& account) {
    if (no_reports_) return std::optional<Metered>();
    const std::int32_t end = date_of_day(day_of(session_.clock.now())).year + 1;
    Metered metered{Credits(), Credits(), true};
    for (std::int32_t year = 1970; year < end; year += report_years_max) {
      const auto part = usage_of_years(account, year, std::min(year + report_years_max, end));
      if (!part) {
        if (part.error().status != 404 && part.error().status != 405) return part.error();
        no_reports_ = true;
        sink_.note(AccountId(),
                   "the server makes no reports for its operator: usage was not compared with the entries");
        return std::optional<Metered>();
      }
      const auto sum = add(metered.credits, *part);
      if (sum) metered.credits = *sum;
    }
    return std::optional<Metered>(metered);
  }

  // From the start of one year to that of another.
  Outcome<Credits> usage_of_years(const AccountId& account, std::int32_t from, std::int32_t to) {
    const std::string reports = "/operator/v1/reports";
    JsonObject order;
    order.text("type", "usage").texts("accounts", {account.str()}).text("granularity", "year");
    order.text("from", std::to_string(from) + "-01-01T00:00:00Z").text("to", std::to_string(to) + "-01-01T00:00:00Z");
    auto job = api_.call("POST", reports, order.str());
    if (!job) return job.error();
    const std::string path = reports + "/" + url_encoded((*job)["request_id"].text());
    for (int poll = 0; (*job)["status"].text() != "completed"; ++poll) {
      const std::string status = (*job)["status"].text();
      if (poll == report_polls_max || status == "failed" || status == "cancelled")
        return Failure{Exit::refused, "the usage report of " + account.str() + " is " + status};
      job = api_.call("GET", path + "?wait=" + std::to_string(report_wait_seconds), {}, ledger_patience);
      if (!job) return job.error();
    }
    if (!(*job)["result"].exists()) job = api_.call("GET", path + "/result", {}, ledger_patience);
    if (!job) return job.error();
    const Json result = (*job)["result"].exists() ? (*job)["result"] : *job;
    const auto credits = Credits::parse(result["totals"]["credits"].text());
    if (!credits) return unreadable(reports, "it has no totals.credits");
    return *credits;
  }

  Session& session_;
  Api api_;
  LedgerSink& sink_;
  bool no_reports_ = false;
};

}  // namespace

Outcome<std::vector<AccountId>> accounts_of_server(Session& session, const std::vector<std::string>& wanted) {
  std::vector<AccountId> accounts;
  for (const std::string& id : wanted) accounts.emplace_back(id);
  std::string cursor;
  while (wanted.empty()) {
    const auto answer = Api(session).call(
        "GET", "/operator/v1/accounts?limit=500" + (cursor.empty() ? "" : "&cursor=" + url_encoded(cursor)), {},
        ledger_patience);
    if (!answer) return answer.error();
    const Json items = (*answer)["items"];
    for (std::size_t i = 0; i < items.size(); ++i) accounts.emplace_back(items.item(i)["id"].text());
    cursor = items.size() == 0 ? "" : (*answer)["next_cursor"].text();
    if (cursor.empty()) break;
  }
  std::sort(accounts.begin(), accounts.end());
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  return accounts;
}

Outcome<void> read_server(Session& session, const std::vector<AccountId>& accounts, LedgerSink& sink) {
  ServerReader reader(session, sink);
  for (const AccountId& account : accounts) {
    if (auto read = reader.read(account); !read) return read;
  }
  return {};
}

}  // namespace tally::tools
