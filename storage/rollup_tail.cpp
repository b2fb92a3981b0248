#include "storage/rollup_tail.h"

#include <algorithm>

#include "core/codec.h"

namespace tally::storage {

namespace {

std::string dedup_value(std::int64_t arrived_ms, const EventPlace& place) {
  std::string value;
  append_be64(value, static_cast<std::uint64_t>(arrived_ms));
  Encoder out(value);
  out.u64(place.position);
  out.u64(place.index);
  return value;
}

}  // namespace

Share share_of(const ChargedEvent& charged) {
  const UsageEvent& event = charged.event;
  Share share;
  share.day = day_of(event.time);
  share.dims = encode(RollupDims{event.endpoint, charged.category, event.key});
  share.hour = static_cast<std::uint8_t>(hour_of_day(event.time));
  share.counters = {1, event.ok ? 1 : 0, event.ok ? 0 : 1, event.results, charged.charged.micros()};
  if (const auto rate = match_rate_micros(event.details)) share.match_rates = {1, *rate};
  return share;
}

Share negated(Share share) {
  Counters& c = share.counters;
  c = {-c.requests, -c.ok, -c.failed, -c.results, -c.credits_micros};
  share.match_rates = {-share.match_rates.count, -share.match_rates.sum_micros};
  return share;
}

RollupTail::RollupTail(const Store& store, Writer& writer, const Clock& clock, WriteBehindOptions options)
    : store_(store),
      behind_(store, writer, clock, options,
              {write_rows,
               [this](const AccountId& account, const Unwritten& written) {
                 Stripe& stripe = stripe_of(account);
                 const std::lock_guard lock(stripe.mutex);
                 for (const Seen& seen : written.seen) stripe.recent.erase(seen.fingerprint);
               },
               true}) {}

RollupTail::Stripe& RollupTail::stripe_of(const AccountId& account) const {
  return stripes_[(std::hash<AccountId>{}(account) >> 8) % stripes_.size()];
}

std::vector<bool> RollupTail::remembers(const AccountId& account, const std::vector<Fingerprint>& fingerprints) const {
  std::vector<bool> known(fingerprints.size());
  const Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  for (std::size_t i = 0; i < fingerprints.size(); ++i) known[i] = stripe.recent.contains(fingerprints[i]);
  return known;
}

bool RollupTail::remember(const AccountId& account, const Fingerprint& fingerprint) {
  Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  return stripe.recent.insert(fingerprint).second;
}

void RollupTail::forget(const AccountId& account, const std::vector<Fingerprint>& fingerprints) {
  Stripe& stripe = stripe_of(account);
  const std::lock_guard lock(stripe.mutex);
  for (const Fingerprint& fingerprint : fingerprints) stripe.recent.erase(fingerprint);
}

void RollupTail::Unwritten::add(const Share& share) {
  RollupValue& row = days[share.day][share.dims];
  row.total += share.counters;
  row.match_rates += share.match_rates;
  auto hour = std::lower_bound(row.hours.begin(), row.hours.end(), share.hour,
                               [](const auto& slot, std::uint8_t wanted) { return slot.first < wanted; });
  if (hour == row.hours.end() || hour->first != share.hour) hour = row.hours.insert(hour, {share.hour, Counters{}});
  hour->second += share.counters;
}

void RollupTail::Unwritten::append(Unwritten later) {
  through = later.through;
  for (const auto& [day, series] : later.days) {
    for (const auto& [dims, value] : series) days[day][dims].add(value);
  }
  seen.insert(seen.end(), later.seen.begin(), later.seen.end());
}

void RollupTail::publish(const AccountId& account, const std::vector<Share>& shares,
                         const std::vector<Fingerprint>& fingerprints, UtcTime arrived_at, Position position) {
  behind_.publish(account, position, [&](Unwritten& fresh) {
    for (const Share& share : shares) fresh.add(share);
    for (std::size_t i = 0; i < fingerprints.size(); ++i)
      fresh.seen.push_back({fingerprints[i], arrived_at.ms(), {position, i}});
  });
}

std::optional<EventPlace> RollupTail::place(const AccountId& account, const Fingerprint& fingerprint) const {
  return behind_.look(account, [&](const auto* kept) -> std::optional<EventPlace> {
    if (kept == nullptr) return std::nullopt;
    for (const Unwritten* part : {&kept->fresh, kept->writing.get()}) {
      if (part == nullptr) continue;
      for (const Seen& seen : part->seen) {
        if (seen.fingerprint == fingerprint) return seen.place;
      }
    }
    return std::nullopt;
  });
}

// In key order: RocksDB's memory table takes neighbours much faster than strangers.
void RollupTail::write_rows(AccountTx& tx, const Unwritten& unwritten) {
  std::map<std::int32_t, RollupRow> months;
  for (const auto& [day, row] : unwritten.days) {
    std::vector<const Series*> in_order;
    in_order.reserve(row.size());
    for (const Series& series : row) in_order.push_back(&series);
    std::sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    RollupRow& month = months[month_of(start_of_day(day))];
    RollupRowWriter out;
    for (const Series* series : in_order) {
      const auto& [dims, value] = *series;
      out.add(dims, value);
      RollupValue& sum = month[dims];
      sum.total += value.total;
      sum.match_rates += value.match_rates;
    }
    tx.add(Table::rollup_day, rollup_key(day), std::move(out).take());
  }
  for (const auto& [month, row] : months) tx.add(Table::rollup_month, rollup_key(month), encode(row));
  std::vector<std::pair<std::string, const Seen*>> fingerprints;
  fingerprints.reserve(unwritten.seen.size());
  for (const Seen& seen : unwritten.seen) fingerprints.emplace_back(to_bytes(seen.fingerprint), &seen);
  std::sort(fingerprints.begin(), fingerprints.end());
  for (auto& [key, seen] : fingerprints)
    tx.put(Table::dedup, std::move(key), dedup_value(seen->arrived_ms, seen->place));
  std::string through;
  append_be64(through, unwritten.through);
  tx.put(Table::meter, "", std::move(through));
}

Result<void> RollupTail::collect(const DayRows& days, const ReadPlan& reads, View& view) {
  for (const auto& [day, row] : days) {
    if (!reads.months.contains(month_of(start_of_day(day))) && !reads.days_before.contains(day) &&
        !reads.days_after.contains(day)) {
      continue;
    }
    for (const auto& [bytes, value] : row) {
      auto dims = decode_rollup_dims(bytes);
      if (!dims) return dims.error();
      view.series.push_back({day, std::move(*dims), value});
    }
  }
  return {};
}

Result<RollupTail::View> RollupTail::view(const AccountId& account, const ReadPlan& reads) const {
  return behind_.look(account, [&](const auto* kept) -> Result<View> {
    View view;
    if (kept == nullptr || !kept->writing) view.rows = store_.snapshot();
    if (kept == nullptr) return view;
    if (kept->writing) {
      view.rows = kept->before_writing;
      if (auto collected = collect(kept->writing->days, reads, view); !collected) return collected.error();
      view.as_of = kept->writing->through;
    }
    if (auto collected = collect(kept->fresh.days, reads, view); !collected) return collected.error();
    if (!kept->fresh.empty()) view.as_of = kept->fresh.through;
    return view;
  });
}

}  // namespace tally::storage
