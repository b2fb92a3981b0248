#include "tools/tally/explain.h"

#include "core/credits.h"
#include "tools/tally/ledger_commands.h"
#include "tools/tally/ledger_paths.h"
#include "tools/tally/table.h"

namespace tally::tools {
namespace {

Credits amount_of(const Json& value) {
  const auto amount = Credits::parse(value.text());
  return amount ? *amount : Credits();
}

Credits minus(Credits a, Credits b) {
  const auto difference = subtract(a, b);
  return difference ? *difference : Credits();
}

std::string without_sign(const std::string& amount) {
  return amount.starts_with('-') ? amount.substr(1) : amount;
}

std::string quoted(const Json& text) {
  return "\"" + text.text() + "\"";
}

std::string event_words(const Json& event) {
  const std::string source = event["source"].text();
  return "event " + quoted(event["id"]) + (source.empty() ? "" : " of source \"" + source + "\"");
}

// A "lot_3, granted 2026-01-01T00:00:00Z, expires …" without the lot's own figures.
std::string lot_words(const Json& lot) {
  if (!lot.exists()) return "";
  const std::string expires = lot["expires_at"].text();
  std::string words = lot["origin"].text() + " of " + lot["amount"].text() + " on " + lot["purchased_at"].text() +
                      (expires.empty() ? ", never expires" : ", expires " + expires);
  if (lot["priority"].integer() != 0) words += ", priority " + lot["priority"].text();
  if (!lot["reference"].text().empty()) words += ", reference " + quoted(lot["reference"]);
  if (!lot["description"].text().empty()) words += ", " + quoted(lot["description"]);
  return words;
}

class Page {
 public:
  explicit Page(const Explained& what) : what_(what), entry_(what.entry), type_(entry_["type"].text()) {}

  std::string text() {
    line(entry_["id"].text() + " of account " + what_.account + ": " + headline());
    line("posted " + entry_["created_at"].text());
    if (type_ == "debit" || type_ == "reversal") say_what_for();
    if (type_ == "debit") say_price();
    if (type_ == "reversal") say_reversed();
    if (type_ == "expiry") line("an expired credit is never spent and never comes back");
    const Json reference = entry_["reference"];
    if (!entry_["description"].text().empty()) line("description: " + quoted(entry_["description"]));
    if (!reference.text().empty()) line("reference: " + quoted(reference));
    if (entry_["metadata"].size() > 0) line("metadata: " + entry_["metadata"].dump());
    say_lots();
    say_debt();
    line("balance: " + balance_before(entry_) + " before, " + entry_["balance_after"].text() + " after");
    line("chain: hash " + entry_["hash"].text());
    line("       over " + entry_["prev_hash"].text() +
         (entry_["seq"].integer() > 1 ? ", the hash of ent_" + std::to_string(entry_["seq"].integer() - 1)
                                      : ", the start of this account's chain"));
    return out_;
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }

  std::string headline() const {
    const std::string amount = entry_["amount"].text();
    if (type_ == "grant") return amount + " credits were granted" + origin_words();
    if (type_ == "debit") return without_sign(amount) + " credits were charged";
    if (type_ == "expiry") return without_sign(amount) + " credits expired unused";
    if (type_ == "reversal") return amount + " credits of a charge were given back";
    if (type_ == "adjustment")
      return "the operator " + std::string(amount.starts_with('-') ? "took " : "gave ") + without_sign(amount) +
             " credits as a correction";
    return amount + " credits (" + type_ + ")";
  }

  std::string origin_words() const {
    const std::string origin = what_.lots.empty() ? "" : what_.lots.front()["origin"].text();
    if (origin == "allocation") return " for the month, by the subscription";
    if (origin == "rollover") return ", left over from the month before";
    if (origin == "reload") return " by an auto-reload that was paid";
    return "";
  }

  void say_what_for() {
    const Json event = entry_["event"];
    const std::string endpoint = entry_["endpoint"].text();
    std::string words = event.exists() ? "for the usage " + event_words(event) : "";
    if (!endpoint.empty()) words += (words.empty() ? "for " : " at ") + ("endpoint " + endpoint);
    if (!entry_["hold"].text().empty())
      words += (words.empty() ? "settling the hold " : ", settling the hold ") + entry_["hold"].text();
    line(words.empty() ? "for no event and no endpoint" : words);
  }

  void say_price() {
    const std::string version = entry_["price_version"].text();
    const Json price = entry_["price"];
    if (version.empty()) return line("price: none applied; the amount was given with the call");
    std::string words = "price: version " + version;
    if (price.exists()) {
      words += ", " + price["credits"].text() + " a " + price["charge_on"].text();
      if (!price["category"].text().empty()) words += ", category " + price["category"].text();
      for (const std::string& name : price["options"].names())
        words += ", " + price["options"][name].text() + " a " + name;
      words += ", in force from " + price["effective_at"].text();
    }
    line(words);
  }

  void say_reversed() {
    const Json debit = what_.reversed;
    line("takes back " + entry_["reverses"].text() +
         (debit.exists()
              ? ", which charged " + without_sign(debit["amount"].text()) + " credits on " + debit["created_at"].text()
              : ""));
    if (!debit.exists()) return;
    const Credits lost = minus(minus(Credits(), amount_of(debit["amount"])), amount_of(entry_["amount"]));
    if (lost > Credits()) line(lost.to_string() + " of them had come from lots that expired since and stay expired");
  }

  void say_lots() {
    const Json shares = entry_["lots"];
    if (shares.size() == 0) return;
    const bool taken = entry_["amount"].text().starts_with('-');
    line(taken ? "taken from:" : "given to:");
    Table table({{"lot"}, {"credits", Align::decimal}, {"what it is"}});
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Json share = shares.item(i);
      Json lot;
      for (const Json& one : what_.lots) {
        if (one["id"].text() == share["lot"].text()) lot = one;
      }
      table.add({share["lot"].text(), without_sign(share["amount"].text()), lot_words(lot)});
    }
    out_ += table.to_text(false);
  }

  void say_debt() {
    const std::string debt = debt_change(entry_);
    if (debt.starts_with('-')) line(without_sign(debt) + " credits no lot could pay: they became debt");
    if (!debt.starts_with('-') && debt != "0") line(debt + " credits paid off debt first");
  }

  const Explained& what_;
  const Json& entry_;
  const std::string type_;
  std::string out_;
};

// The lots of the entry, one page from before the first to the last of them at a time.
Outcome<std::vector<Json>> lots_of(Session& session, const std::string& account, const Json& entry) {
  std::vector<Json> found;
  const Json shares = entry["lots"];
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::string id = shares.item(i)["lot"].text();
    // A page begins after its cursor, which is a lot's id.
    std::uint64_t number = 0;
    if (!id.starts_with("lot_")) continue;
    for (const char c : id.substr(4)) number = number * 10 + static_cast<std::uint64_t>(c - '0');
    const std::string cursor = number > 1 ? "&cursor=lot_" + std::to_string(number - 1) : "";
    const auto page = Api(session).call("GET", account_path(account, "/lots?limit=1") + cursor);
    if (!page) return page.error();
    if (const Json lot = (*page)["items"].item(0); lot["id"].text() == id) found.push_back(lot);
  }
  return found;
}

Outcome<Explained> gather(Session& session, const std::string& account, const std::string& id) {
  Explained what;
  what.account = account;
  Api api(session);
  auto entry = api.call("GET", account_path(account, "/ledger/" + url_encoded(id)));
  if (!entry) return entry.error();
  what.entry = *entry;
  if (const std::string debit = what.entry["reverses"].text(); !debit.empty()) {
    auto reversed = api.call("GET", account_path(account, "/ledger/" + url_encoded(debit)));
    if (!reversed) return reversed.error();
    what.reversed = *reversed;
  }
  auto lots = lots_of(session, account, what.entry);
  if (!lots) return lots.error();
  what.lots = std::move(*lots);
  return what;
}

}  // namespace

std::string balance_before(const Json& entry) {
  return minus(amount_of(entry["balance_after"]), amount_of(entry["amount"])).to_string();
}

std::string debt_change(const Json& entry) {
  Credits rest = amount_of(entry["amount"]);
  for (std::size_t i = 0; i < entry["lots"].size(); ++i) rest = minus(rest, amount_of(entry["lots"].item(i)["amount"]));
  return rest.to_string();
}

std::string in_words(const Explained& what) {
  return Page(what).text();
}

int explain(Session& session, const std::string& account, const std::string& entry) {
  const bool number = !entry.empty() && entry.find_first_not_of("0123456789") == std::string::npos;
  const auto what = gather(session, account, number ? "ent_" + entry : entry);
  if (!what) return report(session, what.error());
  if (!session.settings.json) {
    session.out << printable(in_words(*what), true);
    return static_cast<int>(Exit::ok);
  }
  std::string lots;
  for (const Json& lot : what->lots) lots += (lots.empty() ? "" : ",") + lot.dump();
  JsonObject out;
  out.text("account", account).raw("entry", what->entry.dump()).raw("lots", "[" + lots + "]");
  out.text("balance_before", balance_before(what->entry)).text("debt_change", debt_change(what->entry));
  if (what->reversed.exists()) out.raw("reversed", what->reversed.dump());
  session.out << out.str() << "\n";
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools
