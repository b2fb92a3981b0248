// Prices.
#include "tools/tally/commands.h"
#include "tools/tally/price_list.h"
#include "tools/tally/show.h"

namespace tally::tools {
namespace {

constexpr const char* prices_path = "/operator/v1/prices";

Failure wrong(std::string why) {
  return {Exit::usage, std::move(why)};
}

Outcome<std::string> price_of(const PriceFields& fields) {
  JsonObject price;
  price.text("endpoint", fields.endpoint).text("credits", fields.credits);
  if (fields.category) price.text("category", *fields.category);
  if (fields.charge_on) price.text("charge_on", *fields.charge_on);
  JsonObject options;
  for (const std::string& option : fields.options) {
    const std::size_t at = option.rfind('=');
    if (at == std::string::npos || at == 0 || at + 1 == option.size())
      return wrong("--option " + option + " is not NAME=CREDITS");
    options.text(option.substr(0, at), option.substr(at + 1));
  }
  if (!options.empty()) price.raw("options", options.str());
  return price.str();
}

// The body that POST /prices takes. An --effective-at stands in for one that the file does not name.
Outcome<std::string> body_of(const PriceFields& fields) {
  std::string prices;
  if (fields.list) {
    const auto list = read_price_list(*fields.list);
    if (!list) return list.error();
    if (list->is_object()) {
      if (fields.effective_at) return wrong("--effective-at goes with a file that is a plain list of prices");
      return list->dump();
    }
    prices = list->dump();
  } else {
    auto price = price_of(fields);
    if (!price) return price.error();
    prices = "[" + *price + "]";
  }
  JsonObject body;
  body.raw("prices", prices);
  if (fields.effective_at) body.text("effective_at", *fields.effective_at);
  return body.str();
}

}  // namespace

int price_set(Session& session, const PriceFields& fields) {
  const auto body = body_of(fields);
  if (!body) return report(session, body.error());
  auto answer = Api(session).post(prices_path, *body, fields.idempotency_key);
  if (!answer) return report(session, answer.error());
  if (session.settings.json) {
    session.out << answer->dump() << "\n";
  } else if (fields.list) {
    session.out << "prices are set; see them with: tally price list\n";
  } else {
    session.out << "the price of " << printable(fields.endpoint) << " is set\n";
  }
  return static_cast<int>(Exit::ok);
}

int price_list(Session& session, std::uint64_t limit) {
  return show_list(session, prices_path, limit,
                   {{{"endpoint"}, "endpoint"},
                    {{"credits", Align::decimal}, "credits"},
                    {{"charge on"}, "charge_on"},
                    {{"category"}, "category"},
                    {{"options"}, "options"},
                    {{"version", Align::right}, "version"},
                    {{"effective at"}, "effective_at"}},
                   "no prices yet: everything costs 0; set one with: tally price set ENDPOINT CREDITS");
}

int price_show(Session& session, const std::string& endpoint) {
  auto answer = Api(session).call("GET", prices_path + ("/" + url_encoded(endpoint)));
  if (!answer) return report(session, answer.error());
  const Json versions = (*answer)["versions"];
  if (session.settings.json || !versions.is_array()) {
    show_object(session, *answer);
    return static_cast<int>(Exit::ok);
  }
  const std::vector<ListColumn> columns = {{{"version", Align::right}, "version"},
                                           {{"effective at"}, "effective_at"},
                                           {{"credits", Align::decimal}, "credits"},
                                           {{"charge on"}, "charge_on"},
                                           {{"category"}, "category"},
                                           {{"options"}, "options"}};
  Table table = table_of(columns);
  for (std::size_t i = 0; i < versions.size(); ++i) add_row(table, columns, versions.item(i));
  session.out << table.to_text(session.settings.color);
  const std::string current = (*answer)["current"]["version"].text();
  session.out << (current.empty() ? "none is in force" : "in force: version " + current) << "\n";
  return static_cast<int>(Exit::ok);
}

int price_delete(Session& session, const std::string& endpoint) {
  auto answer = Api(session).call("DELETE", prices_path + ("/" + url_encoded(endpoint)));
  if (!answer) return report(session, answer.error());
  if (session.settings.json) {
    session.out << JsonObject().text("deleted", endpoint).str() << "\n";
  } else {
    session.out << "from now on " << printable(endpoint) << " has no price\n";
  }
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools
