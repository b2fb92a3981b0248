#include "webhook/dispatcher.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/delivery.h"
#include "webhook/attempt_record.h"
#include "webhook/delivery_log.h"
#include "webhook/inbox.h"
#include "webhook/target.h"

namespace tally::webhook {
namespace {

using storage::Durability;
using storage::Table;

constexpr std::int64_t pause_ms = 1000;  // before asking a store or a writer again that could not serve
constexpr std::size_t backlog_rows_per_tick = 256;
constexpr std::size_t starts_at_once_max = 256;
constexpr std::size_t held_max = 4096;  // records on their way to the disk; no attempt starts while there are more
constexpr std::size_t routes_max = 10'000;
constexpr std::size_t kept_row_bytes_max = 16 << 20;  // of deliveries that are due; the others are read again

LaneLimits with_caps(LaneLimits limits, const WebhookSettings& settings) {
  limits.per_receiver = settings.concurrent_per_host;
  limits.total = settings.concurrent_total;
  return limits;
}

bool is_payment(const Route& route) {
  return route.webhook_id == payments_webhook_id;
}

}  // namespace

class Dispatcher::Work {
 public:
  Work(const WebhookSettings& settings, Parts parts, LaneLimits limits)
      : schedule_(settings.retry), policy_(settings), parts_(std::move(parts)), lanes_(with_caps(limits, settings)) {}

  Inbox& inbox() { return *inbox_; }
  std::optional<UtcTime> tick(UtcTime now);
  void replay(const AccountId& account, const DeliveryId& id, UtcTime now, storage::Done done);
  DispatcherCounters counters() const;

 private:
  struct Unrecorded {
    UtcTime again_at;
    std::shared_ptr<Recorded> record;
  };

  void on(const Offered& offered);
  void on(Answered& answered);
  void on(const std::shared_ptr<Recorded>& record);
  using Row = Result<std::optional<std::string>>;
  std::vector<Row> read_rows(Table table, const AccountId& account, std::span<const std::string> keys) const;
  Lanes::Admission admit(const AccountId& account, const DeliveryId& id);
  Lanes::Admission admit(const AccountId& account, const DeliveryId& id, Row row);
  bool admit_all(std::span<const Lanes::Entry> found);
  RoutePtr route_to(const Delivery& delivery);
  Route make_route(const Delivery& delivery) const;
  void read_backlog();
  void start_attempts();
  void start_all(std::span<Lanes::Entry* const> entries);
  void start(const Lanes::Entry& entry, const Row& row, Row body);
  Result<Attempt> prepare(const Lanes::Entry& entry, Row body) const;
  void post_record(std::shared_ptr<Recorded> record);
  void post_unrecorded();
  void leave_broken(const DeliveryId& id);
  void let_go(DeliveryId id);
  void call_again_at(UtcTime at) { next_tick_ = next_tick_ ? std::min(*next_tick_, at) : at; }

  const RetrySchedule schedule_;
  const TargetPolicy policy_;
  const Parts parts_;
  Lanes lanes_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::vector<InboxEvent> events_;
  std::vector<Unrecorded> unrecorded_;
  std::size_t kept_row_bytes_ = 0;                           // of the entries in lanes_
  std::unordered_map<std::string, RoutePtr> routes_;         // by URL; most deliveries go where others went
  std::unordered_map<DeliveryId, AccountId> offered_again_;  // while they were in lanes_
  // Where the pass over the pending deliveries in the store stands; nothing: none is under way. The first one loads
  // what an earlier process left.
  std::optional<DeliveryCursor> backlog_ = DeliveryCursor{};
  bool backlog_again_ = false;  // when this pass is over, another one
  UtcTime now_;                 // of the running tick
  std::optional<UtcTime> next_tick_;

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> dead_{0};
  std::atomic<std::uint64_t> broken_{0};
  std::atomic<std::uint64_t> pending_{0};
};

std::optional<UtcTime> Dispatcher::Work::tick(UtcTime now) {
  now_ = now;
  next_tick_.reset();
  if (inbox_->take(events_)) backlog_again_ = true;
  for (InboxEvent& event : events_) {
    std::visit([this](auto& what) { on(what); }, event);
  }
  post_unrecorded();
  if (lanes_.has_room_again()) backlog_again_ = true;
  if (!backlog_ && std::exchange(backlog_again_, false)) backlog_ = DeliveryCursor{};
  if (backlog_) read_backlog();
  start_attempts();
  inbox_->expect_answers(std::max(1u, lanes_.in_flight() / 2));
  pending_ = lanes_.size();
  return next_tick_;
}

void Dispatcher::Work::on(const Offered& offered) {
  // A replay can be committed before this dispatcher hears that the last attempt is recorded.
  if (lanes_.knows(offered.id)) offered_again_.insert_or_assign(offered.id, offered.account);
  (void)admit(offered.account, offered.id);
}

// A row that cannot be read spoils no other.
std::vector<Dispatcher::Work::Row> Dispatcher::Work::read_rows(Table table, const AccountId& account,
                                                               std::span<const std::string> keys) const {
  std::vector<Row> rows;
  rows.reserve(keys.size());
  if (keys.size() > 1) {
    if (auto all = parts_.store.get_many(table, account, keys)) {
      for (auto& row : *all) rows.emplace_back(std::move(row));
      return rows;
    }
  }
  for (const std::string& key : keys) rows.push_back(parts_.store.get(table, account, key));
  return rows;
}

Lanes::Admission Dispatcher::Work::admit(const AccountId& account, const DeliveryId& id) {
  if (lanes_.knows(id)) return Lanes::Admission::known;
  return admit(account, id, parts_.store.get(Table::delivery, account, id.str()));
}

Lanes::Admission Dispatcher::Work::admit(const AccountId& account, const DeliveryId& id, Row row) {
  const auto delivery = read_delivery(row);
  if (!delivery) {
    // A store that cannot answer now has it still when the backlog is read again.
    if (delivery.error().code == Errc::corrupt)
      ++broken_;
    else if (delivery.error().code != Errc::not_found)
      backlog_again_ = true;
    return Lanes::Admission::known;
  }
  if (delivery->status != DeliveryStatus::pending) return Lanes::Admission::known;
  // What is due is needed soon.
  std::string kept;
  if (delivery->next_attempt_at <= now_ && kept_row_bytes_ + (*row)->size() <= kept_row_bytes_max)
    kept = *std::move(*row);
  const std::size_t bytes = kept.size();
  const auto admission = lanes_.add(account, id, route_to(*delivery), delivery->next_attempt_at, std::move(kept));
  if (admission == Lanes::Admission::taken) kept_row_bytes_ += bytes;
  return admission;
}

// True when the lanes are full. `found` is in the order of accounts.
bool Dispatcher::Work::admit_all(std::span<const Lanes::Entry> found) {
  bool full = false;
  std::vector<std::string> keys;
  for (std::size_t begin = 0, end = 0; begin < found.size(); begin = end) {
    const AccountId& account = found[begin].account;
    keys.clear();
    for (; end < found.size() && found[end].account == account; ++end) {
      if (!lanes_.knows(found[end].id)) keys.push_back(found[end].id.str());
    }
    std::vector<Row> rows = read_rows(Table::delivery, account, keys);
    for (std::size_t i = 0; i < rows.size(); ++i)
      full = admit(account, DeliveryId(keys[i]), std::move(rows[i])) == Lanes::Admission::full || full;
  }
  return full;
}

RoutePtr Dispatcher::Work::route_to(const Delivery& delivery) {
  if (routes_.size() >= routes_max) routes_.clear();
  // No URL holds a blank.
  RoutePtr& route = routes_[delivery.webhook_id.empty() ? delivery.url : delivery.webhook_id + ' ' + delivery.url];
  if (!route) route = std::make_shared<Route>(make_route(delivery));
  return route;
}

Route Dispatcher::Work::make_route(const Delivery& delivery) const {
  if (delivery.webhook_id == payments_webhook_id) {
    const std::string& url = parts_.standing.payments_url;
    return {url, delivery.webhook_id, url.empty() ? "payments.url is not set" : "", delivery.webhook_id};
  }
  auto target = policy_.check(delivery.url);
  if (!target) return {delivery.url, {}, target.error().detail, delivery.webhook_id};
  return {delivery.url, std::move(target->receiver), {}, delivery.webhook_id};
}

void Dispatcher::Work::read_backlog() {
  std::vector<Lanes::Entry> found;
  const auto scanned =
      scan_after(parts_.store, Table::open_delivery, *backlog_,
                 [&](std::string_view account, std::string_view id, std::string_view) {
                   found.push_back({AccountId(std::string(account)), DeliveryId(std::string(id)), nullptr});
                   return found.size() < backlog_rows_per_tick;
                 });
  if (!scanned) return call_again_at(now_ + pause_ms);
  const bool full = admit_all(found);
  if (full || found.size() < backlog_rows_per_tick) {
    backlog_.reset();
    if (backlog_again_) call_again_at(now_);
  } else {
    backlog_ = DeliveryCursor{found.back().account, found.back().id};
    call_again_at(now_);
  }
}

void Dispatcher::Work::start_attempts() {
  if (lanes_.size() == 0) return;
  // Its outcome could not be recorded.
  if (!parts_.store.writable()) return call_again_at(now_ + pause_ms);
  std::vector<Lanes::Entry*> taken;
  do {
    taken.clear();
    while (lanes_.held() < held_max && taken.size() < starts_at_once_max) {
      Lanes::Entry* entry = lanes_.take(now_);
      if (entry == nullptr) break;
      taken.push_back(entry);
    }
    start_all(taken);
  } while (taken.size() == starts_at_once_max);
  // What is due already waits for an answer or a record, which wake us.
  if (const auto due = lanes_.next_due(); due && *due > now_) call_again_at(*due);
}

// Reads what they need an account at a time, and starts them in their order.
void Dispatcher::Work::start_all(std::span<Lanes::Entry* const> entries) {
  std::map<std::string_view, std::vector<std::size_t>> by_account;
  for (std::size_t i = 0; i < entries.size(); ++i) by_account[entries[i]->account.str()].push_back(i);
  std::vector<Row> rows(entries.size(), Row(std::nullopt));
  std::vector<Row> bodies = rows;
  const auto read_into = [&](std::vector<Row>& into, Table table, std::span<const std::size_t> places) {
    if (places.empty()) return;
    std::vector<std::string> keys;
    for (const std::size_t place : places) keys.push_back(entries[place]->id.str());
    auto read = read_rows(table, entries[places.front()]->account, keys);
    for (std::size_t i = 0; i < places.size(); ++i) into[places[i]] = std::move(read[i]);
  };
  for (const auto& [account, places] : by_account) {
    read_into(bodies, Table::delivery_body, places);
    std::vector<std::size_t> not_kept;
    for (const std::size_t place : places) {
      std::string& kept = entries[place]->row;
      if (kept.empty()) {
        not_kept.push_back(place);
      } else {
        kept_row_bytes_ -= kept.size();
        rows[place] = std::exchange(kept, {});
      }
    }
    read_into(rows, Table::delivery, not_kept);
  }
  for (std::size_t i = 0; i < entries.size(); ++i) start(*entries[i], rows[i], std::move(bodies[i]));
}

void Dispatcher::Work::start(const Lanes::Entry& entry, const Row& row, Row body) {
  auto delivery = read_delivery(row);
  if (delivery && delivery->status != DeliveryStatus::pending) return let_go(entry.id);
  auto attempt = delivery ? prepare(entry, std::move(body)) : Result<Attempt>(delivery.error());
  if (!delivery && delivery.error().code == Errc::not_found) return let_go(entry.id);  // dropped with its job
  KnownDelivery before;
  if (delivery && !is_payment(*entry.route)) before = std::make_shared<const Delivery>(std::move(*delivery));
  if (attempt) {
    ++sent_;
    Transport& transport = is_payment(*entry.route) ? *parts_.standing.payments_transport : parts_.transport;
    transport.send(std::move(*attempt), [inbox = inbox_, id = entry.id, route = entry.route, at = now_,
                                         before = std::move(before)](AttemptOutcome outcome) {
      outcome.url = route->url;
      outcome.started_at = at;
      inbox->push(Answered{id, std::move(outcome), before});
    });
    return;
  }
  const Error& error = attempt.error();
  if (error.code == Errc::not_found || error.code == Errc::invalid_argument) {
    auto record = std::make_shared<Recorded>();
    record->id = entry.id;
    record->before = std::move(before);
    record->outcome.error = error.detail;
    record->outcome.permanent = true;
    record->outcome.started_at = now_;
    lanes_.answered(entry.id, true);
    post_record(std::move(record));
  } else if (error.code == Errc::corrupt) {
    leave_broken(entry.id);
  } else {
    lanes_.postpone(DeliveryId(entry.id), now_ + pause_ms);
  }
}

Result<Attempt> Dispatcher::Work::prepare(const Lanes::Entry& entry, Row body) const {
  if (!entry.route->refusal.empty()) return fail(Errc::invalid_argument, entry.route->refusal);
  if (!body) return body.error();
  if (!*body) return fail(Errc::not_found, "the body is gone");
  const std::string& webhook = entry.route->webhook_id;
  const auto secrets =
      webhook.empty() ? parts_.secrets_of(entry.account) : parts_.standing.secrets_of(entry.account, webhook);
  if (!secrets) return secrets.error();
  auto headers = sign(*secrets, entry.id, **body, now_);
  if (!headers) return headers.error();
  const bool payment = is_payment(*entry.route);
  return Attempt{entry.route->url, std::move(*headers), *std::move(*body), payment ? entry.id.str() : "", payment};
}

void Dispatcher::Work::on(Answered& answered) {
  lanes_.answered(answered.id, answered.outcome.status >= 200 && answered.outcome.status <= 299);
  auto record = std::make_shared<Recorded>();
  record->id = std::move(answered.id);
  record->outcome = std::move(answered.outcome);
  record->before = std::move(answered.before);
  post_record(std::move(record));
}

void Dispatcher::Work::post_record(std::shared_ptr<Recorded> record) {
  record->wanted = parts_.on_recorded != nullptr;
  const Lanes::Entry* entry = lanes_.find(record->id);
  // Not by reference: the writer may come to it when this dispatcher is gone.
  OnAttempt on_attempt;
  if (!entry->route->webhook_id.empty()) on_attempt = parts_.standing.on_attempt;
  auto command = [record, schedule = schedule_, now = now_, &random = parts_.random,
                  on_attempt = std::move(on_attempt)](storage::AccountTx& tx) {
    return record_in(tx, schedule, now, random, on_attempt, *record);
  };
  // What a payment brought is credits that the customer sees and uses at once.
  const Durability durability = is_payment(*entry->route) ? Durability::synced : Durability::relaxed;
  parts_.writer.post(entry->account, std::move(command), durability,
                     [record, inbox = inbox_](const Result<void>& result) {
                       if (!result) record->error = result.error();
                       inbox->push(record);
                     });
}

void Dispatcher::Work::on(const std::shared_ptr<Recorded>& record) {
  if (record->error) {
    switch (record->error->code) {
      case Errc::exhausted:
        // The receiver must not be asked again only because our disk is full.
        record->error.reset();
        unrecorded_.push_back({now_ + pause_ms, record});
        return;
      case Errc::unavailable:
        return;  // the server is stopping; the next process decides from what was stored
      case Errc::corrupt:
      case Errc::invalid_argument:
      case Errc::not_found:
      case Errc::conflict:
      case Errc::insufficient_credits:
      case Errc::rate_limited:
      case Errc::too_large:
      case Errc::gone:
        return leave_broken(record->id);
    }
  }
  if (!record->known) return let_go(record->id);
  if (record->delivery) parts_.on_recorded(*record->delivery, record->outcome);
  if (record->status != DeliveryStatus::delivered) ++failed_;
  if (record->status == DeliveryStatus::pending) return lanes_.wait(record->id, record->next_attempt_at);
  ++(record->status == DeliveryStatus::delivered ? delivered_ : dead_);
  let_go(record->id);
}

void Dispatcher::Work::leave_broken(const DeliveryId& id) {
  ++broken_;
  let_go(id);
}

void Dispatcher::Work::let_go(DeliveryId id) {
  lanes_.remove(id);
  if (const auto again = offered_again_.extract(id)) (void)admit(again.mapped(), id);
}

void Dispatcher::Work::post_unrecorded() {
  const auto due = std::stable_partition(unrecorded_.begin(), unrecorded_.end(),
                                         [this](const Unrecorded& one) { return one.again_at > now_; });
  std::vector<Unrecorded> again(std::make_move_iterator(due), std::make_move_iterator(unrecorded_.end()));
  unrecorded_.erase(due, unrecorded_.end());
  for (Unrecorded& one : again) post_record(std::move(one.record));
  for (const Unrecorded& one : unrecorded_) call_again_at(one.again_at);
}

void Dispatcher::Work::replay(const AccountId& account, const DeliveryId& id, UtcTime now, storage::Done done) {
  parts_.writer.post(
      account,
      [id, now, inbox = inbox_](storage::AccountTx& tx) -> Result<void> {
        auto delivery = read_delivery(tx.get(Table::delivery, id.str()));
        if (!delivery) return delivery.error();
        if (auto again = tally::replay(*delivery, now); !again) return again;
        tx.put(Table::delivery, id.str(), encode(*delivery));
        tx.put(Table::open_delivery, id.str(), "");
        tx.on_commit([inbox, owner = tx.account(), id](storage::Position) { inbox->push(Offered{owner, id}); });
        return {};
      },
      Durability::synced, std::move(done));
}

DispatcherCounters Dispatcher::Work::counters() const {
  return {sent_, delivered_, failed_, dead_, broken_, pending_};
}

Dispatcher::Dispatcher(const WebhookSettings& settings, Parts parts, LaneLimits limits)
    : work_(std::make_unique<Work>(settings, std::move(parts), limits)) {}
Dispatcher::~Dispatcher() = default;

void Dispatcher::on_wake(std::function<void()> wake) {
  work_->inbox().on_wake(std::move(wake));
}
void Dispatcher::offer(const AccountId& account, const DeliveryId& id) {
  work_->inbox().push(Offered{account, id});
}
std::optional<UtcTime> Dispatcher::tick(UtcTime now) {
  return work_->tick(now);
}
void Dispatcher::replay(const AccountId& account, const DeliveryId& id, UtcTime now, storage::Done done) {
  work_->replay(account, id, now, std::move(done));
}
DispatcherCounters Dispatcher::counters() const {
  return work_->counters();
}

}  // namespace tally::webhook
