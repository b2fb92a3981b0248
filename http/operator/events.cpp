#include "http/operator/events.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "http/answers.h"
#include "http/event_parser.h"
#include "http/json_writer.h"
#include "http/ledger_wire.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

// Up to here a body is read where it arrived.
constexpr std::size_t small_body_bytes = 16 * 1024;

// In the path of an event that has no source.
constexpr std::string_view no_source = "-";

struct AccountEvents {
  std::vector<UsageEvent> events;
  std::vector<std::uint32_t> indexes;
};

// One request's answer, put together from what each account's commit brought.
struct Gathering {
  std::mutex mutex;
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;
  Credits credits;
  std::vector<EventError> errors;
  std::optional<Error> failure;
  std::atomic<std::size_t> open{0};
  bool single = false;
  Idempotency::Answer reply;
};

std::string code_of(const Error& error) {
  return error.rule.empty() ? std::string(to_string(error.code)) : error.rule;
}

void answer(Gathering& all) {
  // What other accounts committed stays counted; a client that sends the batch again counts nothing twice.
  if (all.failure) return all.reply(problem(*all.failure));
  if (all.single && !all.errors.empty())
    return all.reply(problem(422, all.errors.front().code, all.errors.front().message));
  std::sort(all.errors.begin(), all.errors.end(),
            [](const EventError& a, const EventError& b) { return a.index < b.index; });
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("accepted", static_cast<std::int64_t>(all.accepted));
  out.field("duplicates", static_cast<std::int64_t>(all.duplicates)).key("rejected").begin_array();
  for (const EventError& error : all.errors) {
    out.begin_object()
        .field("index", std::int64_t{error.index})
        .field("code", error.code)
        .field("message", error.message)
        .end_object();
  }
  out.end_array().key("credits").credits_string(all.credits).end_object();
  all.reply(json_response(200, std::move(json)));
}

void gather(Gathering& all, const std::vector<std::uint32_t>& indexes, const Result<storage::Ingested>& ingested) {
  {
    const std::lock_guard lock(all.mutex);
    if (ingested) {
      all.accepted += ingested->accepted;
      all.duplicates += ingested->duplicates;
      if (const auto sum = add(all.credits, ingested->credits)) all.credits = *sum;
      for (const auto& [place, error] : ingested->rejected)
        all.errors.push_back({indexes[place], code_of(error), error.detail});
    } else {
      all.failure = ingested.error();
    }
  }
  if (--all.open == 0) answer(all);
}

}  // namespace

OperatorEvents::OperatorEvents(storage::Meter& meter, const storage::Ledgers& ledgers,
                               const storage::Directory& directory, Idempotency& idempotency, Clock& clock,
                               std::function<void(std::function<void()>)> elsewhere)
    : meter_(meter),
      ledgers_(ledgers),
      directory_(directory),
      idempotency_(idempotency),
      clock_(clock),
      elsewhere_(std::move(elsewhere)) {}

void OperatorEvents::add_to(Router& router, const OperatorGuard& guard) {
  router.add("POST", "/operator/v1/events",
             guard([this](Request&& request, Reply reply) { ingest(std::move(request), std::move(reply)); }));
  router.add("POST", "/operator/v1/events/{source}/{id}/reverse",
             guard([this](Request&& request, Reply reply) { reverse(std::move(request), std::move(reply)); }));
}

void OperatorEvents::ingest(Request&& request, Reply reply) {
  if (request.body.size() <= small_body_bytes) return read(request, reply);
  elsewhere_([this, request = std::make_shared<Request>(std::move(request)), reply] { read(*request, reply); });
}

void OperatorEvents::read(Request& request, const Reply& reply) {
  const auto format = event_format(request.header("content-type").value_or(""));
  if (!format) {
    return reply(problem(415, "unsupported_media_type",
                         "send application/json, application/x-ndjson, application/cloudevents+json or "
                         "application/cloudevents-batch+json"));
  }
  auto key = call_key(request, CallSide::operator_side);
  if (!key) return reply(problem(key.error()));
  const auto effect = [this, format = *format, &request](const Idempotency::Answer& answer) {
    count(format, std::move(request.body), answer);
  };
  idempotency_.run_apart(storage::system_account(), std::move(*key), effect, reply);
}

void OperatorEvents::count(EventFormat format, std::string body, const Idempotency::Answer& reply) {
  const UtcTime now = clock_.now();
  auto parsed = parse_events(format, std::move(body), now);
  if (!parsed) return reply(problem(parsed.error()));

  auto all = std::make_shared<Gathering>();
  all->reply = reply;
  all->single = parsed->single;
  all->errors = std::move(parsed->errors);
  std::unordered_map<AccountId, AccountEvents> by_account;
  for (std::size_t i = 0; i < parsed->events.size(); ++i) {
    UsageEvent& event = parsed->events[i];
    const std::uint32_t index = parsed->indexes[i];
    if (auto valid = validate(event, now); !valid) {
      all->errors.push_back({index, code_of(valid.error()), valid.error().detail});
      continue;
    }
    auto known = by_account.find(event.account);
    if (known == by_account.end()) {
      if (!directory_.account(event.account)) {
        all->errors.push_back({index, "unknown_account", "there is no such account"});
        continue;
      }
      known = by_account.try_emplace(event.account).first;
    }
    known->second.indexes.push_back(index);
    known->second.events.push_back(std::move(event));
  }
  if (by_account.empty()) return answer(*all);
  all->open = by_account.size();
  for (auto& [account, group] : by_account) {
    meter_.ingest(account, std::move(group.events),
                  [all, indexes = std::move(group.indexes)](const Result<storage::Ingested>& ingested) {
                    gather(*all, indexes, ingested);
                  });
  }
}

void OperatorEvents::reverse(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  const AccountId account(in.string("account"));
  const std::string reason = in.string("reason");
  if (reason.empty() || reason.size() > ledger_description_bytes_max) in.refuse("reason", "must be 1 to 1024 bytes");
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  if (!directory_.account(account)) return reply(problem(404, "not_found", "no such event"));
  std::string source(request.path_param("source"));
  if (source == no_source) source.clear();
  const auto effect = [this, account, source, id = std::string(request.path_param("id")),
                       reason](const Idempotency::Answer& answer) {
    meter_.reverse(account, source, id, reason,
                   [this, account, answer](const Result<storage::ReversedEvent>& reversed) {
                     answer(reversed ? reversed_response(account, *reversed) : problem(reversed.error()));
                   });
  };
  idempotency_.run_apart(account, std::move(call->key), effect, reply);
}

Response OperatorEvents::reversed_response(const AccountId& account, const storage::ReversedEvent& reversed) const {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("account", account.str()).key("event").begin_object();
  out.field("source", reversed.event.source).field("id", reversed.event.id).end_object();
  out.key("credits").credits_string(reversed.charged).key("entry");
  if (reversed.reversal == 0) {
    out.null();
  } else {
    const auto entry = ledgers_.entry(account, reversed.reversal);
    if (!entry) return problem(entry.error());
    write_entry(out, account, *entry);
  }
  out.end_object();
  return json_response(200, std::move(json));
}

}  // namespace tally::http
