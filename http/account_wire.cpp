#include "http/account_wire.h"

#include <algorithm>

#include "http/json_writer.h"

namespace tally::http {

namespace {

constexpr std::size_t text_bytes_max = 255;
constexpr std::size_t list_items_max = 100;
constexpr std::int64_t limit_max = 1'000'000'000;

void read_text(JsonReader& in, std::string_view name, std::string& into) {
  auto text = in.optional_string(name);
  if (!text) return;
  const bool printable =
      std::none_of(text->begin(), text->end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (text->size() > text_bytes_max || !printable) return in.refuse(name, "must be at most 255 printable characters");
  into = std::move(*text);
}

void read_thresholds(JsonReader& in, std::vector<Credits>& thresholds) {
  constexpr std::string_view name = "low_balance_thresholds";
  const JsonValue* list = in.optional_array(name);
  if (!list) return;
  if (list->items.size() > list_items_max) return in.refuse(name, "must have at most 100 items");
  thresholds.clear();
  for (const JsonValue& item : list->items) {
    const auto amount = item.kind == JsonValue::Kind::string   ? Credits::parse(item.text)
                        : item.kind == JsonValue::Kind::number ? json_credits(item.text)
                                                               : Result<Credits>(fail(Errc::invalid_argument, ""));
    if (!amount || amount->negative()) return in.refuse(name, "must be amounts of at least 0");
    thresholds.push_back(*amount);
  }
}

void read_limits(JsonReader& in, RateLimits& limits) {
  const JsonValue* object = in.optional_object("limits");
  if (!object) return;
  JsonReader fields(*object, in.path_of("limits"));
  limits = {};
  const auto read = [&](std::string_view name, std::optional<std::uint32_t>& limit) {
    if (fields.is_null(name)) return;
    if (const auto value = fields.optional_integer(name, 1, limit_max)) limit = static_cast<std::uint32_t>(*value);
  };
  read("per_second", limits.per_second);
  read("per_minute", limits.per_minute);
  read("per_hour", limits.per_hour);
  read("per_day", limits.per_day);
  if (auto good = fields.finish(); !good) in.refuse("limits", good.error().detail);
}

void read_allowed_ips(JsonReader& in, std::vector<Cidr>& ranges) {
  const auto texts = in.optional_strings("allowed_ips");
  if (!texts) return;
  if (texts->size() > list_items_max) return in.refuse("allowed_ips", "must have at most 100 items");
  ranges.clear();
  for (const std::string& text : *texts) {
    auto range = Cidr::parse(text);
    if (!range) return in.refuse("allowed_ips", "must list addresses and CIDR ranges; " + range.error().detail);
    ranges.push_back(*range);
  }
}

void write_optional_credits(JsonWriter& out, std::string_view name, const std::optional<Credits>& amount) {
  out.key(name);
  if (amount) {
    out.credits_string(*amount);
  } else {
    out.null();
  }
}

void write_subscription(JsonWriter& out, const Subscription& subscription) {
  out.begin_object().field("plan", subscription.plan);
  write_optional_credits(out, "monthly_allocation", subscription.monthly_allocation);
  out.field("unlimited", subscription.unlimited).field("rollover", subscription.rollover);
  write_optional_credits(out, "rollover_cap", subscription.rollover_cap);
  out.end_object();
}

void write_limits(JsonWriter& out, const RateLimits& limits) {
  const auto write = [&](std::string_view name, const std::optional<std::uint32_t>& limit) {
    if (limit) out.field(name, std::int64_t{*limit});
  };
  out.begin_object();
  write("per_second", limits.per_second);
  write("per_minute", limits.per_minute);
  write("per_hour", limits.per_hour);
  write("per_day", limits.per_day);
  out.end_object();
}

}  // namespace

void read_account_fields(JsonReader& in, Account& account) {
  read_text(in, "name", account.name);
  read_text(in, "email", account.email);
  if (const auto currency = in.optional_string("currency")) {
    const bool code = currency->size() == 3 &&
                      std::all_of(currency->begin(), currency->end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!code) in.refuse("currency", "must be an ISO 4217 code such as \"USD\"");
    account.currency = *currency;
  }
  if (const auto limit = in.optional_credits("overdraft_limit")) {
    if (limit->negative()) in.refuse("overdraft_limit", "must not be negative");
    account.overdraft_limit = *limit;
  }
  read_thresholds(in, account.low_balance_thresholds);
}

void read_subscription(JsonReader& in, Subscription& subscription) {
  const auto amount = [&](std::string_view name, std::optional<Credits>& into) {
    into.reset();
    if (in.is_null(name)) return;
    into = in.optional_credits(name);
    if (into && into->negative()) in.refuse(name, "must not be negative");
  };
  read_text(in, "plan", subscription.plan);
  if (subscription.plan.empty()) in.refuse("plan", "must not be empty");
  amount("monthly_allocation", subscription.monthly_allocation);
  subscription.unlimited = in.optional_boolean("unlimited").value_or(false);
  subscription.rollover = in.optional_boolean("rollover").value_or(false);
  amount("rollover_cap", subscription.rollover_cap);
}

void read_auto_reload(JsonReader& in, AutoReload& reload) {
  reload = {};
  reload.enabled = in.boolean("enabled");
  // What is switched off needs no figures, but may keep them.
  if (reload.enabled || in.has("threshold")) reload.threshold = in.credits("threshold");
  if (reload.threshold.negative()) in.refuse("threshold", "must not be negative");
  if (reload.enabled || in.has("amount")) {
    reload.amount = in.credits("amount");
    if (reload.amount <= Credits()) in.refuse("amount", "must be more than 0");
  }
  if (in.is_null("daily_cap")) return;
  reload.daily_cap = in.optional_credits("daily_cap");
  if (reload.daily_cap && reload.daily_cap->negative()) in.refuse("daily_cap", "must not be negative");
}

void read_key_fields(JsonReader& in, ApiKey& key) {
  read_text(in, "name", key.name);
  if (const auto words = in.optional_strings("scopes")) {
    key.scopes.clear();
    for (const std::string& word : *words) {
      const auto scope = parse_scope(word);
      if (!scope) {
        in.refuse("scopes", "must list account, reports, webhooks or calls");
        break;
      }
      if (!key.allows(*scope) || key.scopes.empty()) key.scopes.push_back(*scope);
    }
  }
  read_allowed_ips(in, key.allowed_ips);
  read_limits(in, key.limits);
  if (in.is_null("expires_at")) {
    key.expires_at.reset();
  } else if (const auto expires_at = in.optional_time("expires_at")) {
    key.expires_at = *expires_at;
  }
  if (const auto status = in.optional_string("status")) {
    if (*status == to_string(KeyStatus::active)) {
      key.status = KeyStatus::active;
    } else if (*status == to_string(KeyStatus::disabled)) {
      key.status = KeyStatus::disabled;
    } else {
      in.refuse("status", "must be \"active\" or \"disabled\"");
    }
  }
}

std::string account_json(const Account& account, Secrets secrets) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("id", account.id.str()).field("name", account.name).field("email", account.email);
  out.field("user_id", static_cast<std::int64_t>(account.user_id)).field("billing_id", account.billing_id);
  out.field("currency", account.currency).key("overdraft_limit").credits_string(account.overdraft_limit);
  out.key("low_balance_thresholds").begin_array();
  for (const Credits threshold : account.low_balance_thresholds) out.credits_string(threshold);
  out.end_array().key("subscription");
  write_subscription(out, account.subscription);
  if (secrets == Secrets::shown) out.field("webhook_secret", account.webhook.current);
  out.field("created_at", account.created_at).end_object();
  return json;
}

std::string subscription_json(const Subscription& subscription) {
  std::string json;
  JsonWriter out(json);
  write_subscription(out, subscription);
  return json;
}

std::string auto_reload_json(const AutoReload& reload) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("enabled", reload.enabled).key("threshold").credits_string(reload.threshold);
  out.key("amount").credits_string(reload.amount);
  write_optional_credits(out, "daily_cap", reload.daily_cap);
  out.end_object();
  return json;
}

std::string key_json(const ApiKey& record, const std::string& key, const std::string& secret) {
  std::string json;
  JsonWriter out(json);
  out.begin_object()
      .field("id", record.id.str())
      .field("account", record.account.str())
      .field("identity", record.identity);
  out.field("kind", to_string(record.kind)).field("status", to_string(record.status)).field("name", record.name);
  if (!key.empty()) out.field("key", key);
  if (!secret.empty()) out.field("secret", secret);
  out.key("scopes").begin_array();
  for (const Scope scope : record.scopes) out.string(to_string(scope));
  out.end_array().key("allowed_ips").begin_array();
  for (const Cidr& range : record.allowed_ips) out.string(range.to_string());
  out.end_array().key("limits");
  write_limits(out, record.limits);
  out.field("created_at", record.created_at).key("expires_at");
  if (record.expires_at) {
    out.time(*record.expires_at);
  } else {
    out.null();
  }
  out.end_object();
  return json;
}

}  // namespace tally::http
