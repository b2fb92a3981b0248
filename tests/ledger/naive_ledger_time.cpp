// What happens to the naive ledger by itself: holds and lots that expire, months that turn, notices and reloads.
#include <algorithm>
#include <tuple>

#include "tests/ledger/naive_ledger.h"

namespace tally::naive {
namespace {

constexpr std::int64_t expiry_notice_ms = 7 * 24 * 3'600'000LL;

bool of_a_month(const Lot& lot) {
  return lot.origin == "allocation" || lot.origin == "rollover";
}

}  // namespace

void NaiveLedger::begin(UtcTime now) {
  notices.clear();
  asked.reset();
  available_before_ = available();
  const UtcTime last_entry = entries.empty() ? UtcTime() : entries.back().created_at;
  const UtcTime end = std::max(now, last_entry);
  UtcTime instant = std::max(std::min(at_, end), last_entry);
  while (begun_) {
    const auto next = next_instant(instant);
    if (!next || *next > end) break;
    instant = std::max(instant, *next);
    live_through(instant);
  }
  begun_ = true;
  at_ = end;
}

// The next time at which anything may happen by itself.
std::optional<UtcTime> NaiveLedger::next_instant(UtcTime after) const {
  std::vector<UtcTime> times;
  for (const Hold& hold : holds) {
    if (hold.status == "open") times.push_back(hold.expires_at);
  }
  if (allocated_month >= 0) times.push_back(start_of_month(allocated_month + 1));
  for (const Lot& lot : lots) {
    if (lot.left == 0 || !lot.expires_at || *lot.expires_at <= after) continue;
    times.push_back(*lot.expires_at);
    if (!of_a_month(lot) && !lot.announced) times.push_back(*lot.expires_at - expiry_notice_ms);
  }
  if (const auto at = reload_at(after)) times.push_back(*at);
  if (times.empty()) return std::nullopt;
  return *std::min_element(times.begin(), times.end());
}

void NaiveLedger::live_through(UtcTime instant) {
  at_ = instant;
  while (true) {
    Hold* first = nullptr;
    for (Hold& hold : holds) {
      if (hold.status != "open" || hold.expires_at > at_) continue;
      if (!first || std::tie(hold.expires_at, hold.number) < std::tie(first->expires_at, first->number)) first = &hold;
    }
    if (!first) break;
    resolve(*first, "expired");
  }
  if (allocated_month >= 0 && start_of_month(allocated_month + 1) <= at_) turn_month();
  expire();
  announce();
  if (const auto at = reload_at(at_); at && *at <= at_) ask_for_reload();
}

void NaiveLedger::turn_month() {
  if (!terms.monthly_allocation) {
    allocated_month = -1;
    return;
  }
  const UtcTime begin = start_of_month(++allocated_month);
  const UtcTime end = start_of_month(allocated_month + 1);
  if (terms.rollover) {
    Wide left = 0;
    for (const Lot& lot : lots) {
      if (of_a_month(lot) && lot.expires_at == begin) left += lot.left;
    }
    if (terms.rollover_cap && left > *terms.rollover_cap) left = *terms.rollover_cap;
    give("rollover", left, end, "rollover of the month before");
  }
  give("allocation", *terms.monthly_allocation, end, "monthly allocation");
}

// Counts from the lot that expired last what holds still need; all before that leaves.
void NaiveLedger::expire() {
  Wide unexpired = 0;
  std::vector<Lot*> gone;
  for (Lot& lot : lots) {
    if (lot.left == 0) continue;
    if (expired(lot)) {
      gone.push_back(&lot);
    } else {
      unexpired += lot.left;
    }
  }
  Wide needed = reserved() > unexpired ? reserved() - unexpired : 0;
  std::sort(gone.begin(), gone.end(), [](const Lot* a, const Lot* b) {
    return std::tie(*a->expires_at, a->number) > std::tie(*b->expires_at, b->number);
  });
  std::vector<std::pair<Lot*, Wide>> leaving;
  for (Lot* lot : gone) {
    const Wide stays = std::min(needed, lot->left);
    needed -= stays;
    if (lot->left > stays) leaving.emplace_back(lot, lot->left - stays);
  }
  std::reverse(leaving.begin(), leaving.end());
  for (const auto& [lot, amount] : leaving) {
    lot->left -= amount;
    seal(post("expiry", -amount, {{lot->number, -amount}}));
  }
}

void NaiveLedger::announce() {
  for (Lot& lot : lots) {
    if (lot.left == 0 || !lot.expires_at || of_a_month(lot) || lot.announced) continue;
    if (expired(lot) || *lot.expires_at - expiry_notice_ms > at_) continue;
    lot.announced = true;
    notices.push_back({"expiring", available(), lot.left, lot.number, *lot.expires_at});
  }
}

// When the next request may be made, not before `earliest`; empty: none is wanted.
std::optional<UtcTime> NaiveLedger::reload_at(UtcTime earliest) const {
  if (!terms.reload_enabled || terms.unlimited) return std::nullopt;
  if (available() >= terms.reload_threshold) return std::nullopt;
  if (!reloads.empty() && reloads.back().outcome.empty()) return std::nullopt;
  UtcTime at = std::max(earliest, reload_not_before);
  if (!terms.reload_daily_cap) return at;
  if (terms.reload_amount > *terms.reload_daily_cap) return std::nullopt;
  // A clock that is set back over midnight opens no day twice.
  const std::int32_t today = reloads.empty() ? day_of(at) : std::max(day_of(at), reloads.back().day);
  Wide sum = 0;
  for (const Reload& reload : reloads) {
    if (reload.day == today && reload.outcome != "declined") sum += reload.amount;
  }
  if (sum + terms.reload_amount > *terms.reload_daily_cap) at = start_of_day(today + 1);
  return at;
}

void NaiveLedger::ask_for_reload() {
  const std::int32_t today = reloads.empty() ? day_of(at_) : std::max(day_of(at_), reloads.back().day);
  reloads.push_back({reloads.size() + 1, terms.reload_amount, today, ""});
  asked = reloads.back();
}

std::optional<UtcTime> NaiveLedger::due_at() const {
  return next_instant(at_);
}

void NaiveLedger::end() {
  expire();
  announce();
  const Wide now_available = available();
  if (!terms.unlimited && now_available < available_before_) {
    for (const Wide threshold : terms.thresholds) {
      if (available_before_ >= threshold && now_available < threshold)
        notices.push_back({"low", now_available, threshold, 0, at_});
    }
    if (now_available == 0) notices.push_back({"exhausted", 0, 0, 0, at_});
  }
  if (const auto at = reload_at(at_); at && *at <= at_) ask_for_reload();
}

}  // namespace tally::naive
