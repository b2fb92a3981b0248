#include "http/operator/prices.h"

#include <algorithm>
#include <set>

#include "core/event.h"
#include "http/answers.h"
#include "http/price_wire.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::size_t prices_per_body_max = 1'000;
constexpr std::size_t category_bytes_max = 63;

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void read_options(JsonReader& in, Price& price) {
  const JsonValue* options = in.optional_object("options");
  if (!options) return;
  if (options->items.size() > event_options_max) return in.refuse("options", "must have at most 16 members");
  JsonReader fields(*options, in.path_of("options"));
  for (const std::string& name : options->names) {
    const Credits credits = fields.credits(name);
    if (name.empty() || !printable(name) || credits.negative()) {
      return in.refuse("options", "must map names to credits of at least 0");
    }
    price.options.emplace(name, credits);
  }
  if (auto good = fields.finish(); !good) in.refuse("options", good.error().detail);
}

Result<Price> read_price(const JsonValue& value, std::string where, UtcTime effective_at) {
  JsonReader in(value, std::move(where));
  Price price;
  price.effective_at = effective_at;
  price.endpoint = in.string("endpoint");
  if (price.endpoint.empty() || price.endpoint.size() > event_endpoint_bytes_max || !printable(price.endpoint)) {
    in.refuse("endpoint", "must be 1 to 255 printable bytes");
  }
  price.credits = in.credits("credits");
  if (price.credits.negative()) in.refuse("credits", "must not be negative");
  price.category = in.optional_string("category").value_or("");
  if (price.category.size() > category_bytes_max || !printable(price.category)) {
    in.refuse("category", "must be at most 63 printable bytes");
  }
  if (const auto word = in.optional_string("charge_on")) {
    if (const auto charge_on = parse_charge_on(*word)) {
      price.charge_on = *charge_on;
    } else {
      in.refuse("charge_on", "must be result, success or request");
    }
  }
  read_options(in, price);
  if (auto good = in.finish(); !good) return good.error();
  return price;
}

Result<std::vector<Price>> read_prices(const JsonValue& body, UtcTime now) {
  JsonReader in(body);
  const UtcTime effective_at = in.optional_time("effective_at").value_or(now);
  const JsonValue& list = in.array("prices");
  if (list.items.empty() || list.items.size() > prices_per_body_max) in.refuse("prices", "must have 1 to 1000 items");
  if (auto good = in.finish(); !good) return good.error();
  std::vector<Price> prices;
  std::set<std::string> endpoints;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    auto price = read_price(list.items[i], in.path_of("prices", i), effective_at);
    if (!price) return price.error();
    if (!endpoints.insert(price->endpoint).second) {
      return fail(Errc::invalid_argument, in.path_of("prices", i) + ".endpoint: named twice", "duplicate_endpoint");
    }
    prices.push_back(std::move(*price));
  }
  return prices;
}

std::string prices_json(const std::vector<Price>& prices) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().key("prices").begin_array();
  for (const Price& price : prices) write_price(out, price);
  out.end_array().end_object();
  return json;
}

}  // namespace

void OperatorPrices::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorPrices::*handler)(Request&&, Reply)) {
    router.add(method, path, guard([this, handler](Request&& request, Reply reply) {
                 (this->*handler)(std::move(request), std::move(reply));
               }));
  };
  add("POST", "/operator/v1/prices", &OperatorPrices::add);
  add("GET", "/operator/v1/prices", &OperatorPrices::list);
  add("GET", "/operator/v1/prices/{endpoint...}", &OperatorPrices::show);
  add("DELETE", "/operator/v1/prices/{endpoint...}", &OperatorPrices::remove);
}

void OperatorPrices::add(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  const auto prices = read_prices(call->body, clock_.now());
  if (!prices) return reply(problem(prices.error()));
  const auto effect = [this, prices = *prices](storage::AccountTx& tx) -> Result<Response> {
    const auto added = directory_.add_prices(tx, prices);
    if (!added) return added.error();
    return json_response(200, prices_json(*added));
  };
  idempotency_.run(storage::system_account(), std::move(call->key), effect, reply);
}

// The price in force now of every endpoint, page by page in the order of their names.
void OperatorPrices::list(Request&& request, Reply reply) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return reply(problem(limit.error()));
  const auto book = directory_.prices();
  const UtcTime now = clock_.now();
  std::string items;
  std::string cursor;
  std::string last;
  std::int64_t count = 0;
  JsonWriter out(items);
  for (auto it = book->all().upper_bound(request.param("cursor").value_or("")); it != book->all().end(); ++it) {
    const Price* price = book->find(it->first, now);
    if (!price) continue;
    if (count++ == *limit) {
      cursor = last;
      break;
    }
    write_price(out, *price);
    last = it->first;
  }
  reply(json_response(200, list_json(items, cursor)));
}

// The price in force and all its versions, those to come included.
void OperatorPrices::show(Request&& request, Reply reply) {
  const auto book = directory_.prices();
  const auto endpoint = request.path_param("endpoint");
  const auto* versions = book->versions(endpoint);
  if (!versions) return reply(problem(404, "not_found", "this endpoint never had a price"));
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("endpoint", endpoint).key("current");
  if (const Price* current = book->find(endpoint, clock_.now())) {
    write_price(out, *current);
  } else {
    out.null();
  }
  out.key("versions").begin_array();
  for (const Price& version : *versions) {
    if (!version.removed) write_price(out, version);
  }
  out.end_array().end_object();
  reply(json_response(200, std::move(json)));
}

// A version that says «no price from now on»; earlier events keep what they cost.
void OperatorPrices::remove(Request&& request, Reply reply) {
  const UtcTime now = clock_.now();
  const auto book = directory_.prices();
  const Price* current = book->find(request.path_param("endpoint"), now);
  if (!current) return reply(problem(404, "not_found", "this endpoint has no price"));
  Price removal = *current;
  removal.removed = true;
  removal.effective_at = now;
  directory_.add_prices({std::move(removal)}, [reply](const Result<std::vector<Price>>& removed) {
    Response response;
    response.status = 204;
    reply(removed ? std::move(response) : problem(removed.error()));
  });
}

}  // namespace tally::http
