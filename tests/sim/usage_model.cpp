#include "tests/sim/usage_model.h"

#include "core/codec.h"

namespace tally::sim {

using namespace storage;

namespace {

std::string name(const UsageEvent& event) {
  return "event " + event.account.str() + "/" + event.source + "/" + event.id;
}

bool same(const UsageEvent& a, const UsageEvent& b) {
  return a.endpoint == b.endpoint && a.time == b.time && a.ok == b.ok && a.results == b.results && a.key == b.key;
}

Counters count(const ChargedEvent& charged) {
  const UsageEvent& event = charged.event;
  return {1, event.ok ? 1 : 0, event.ok ? 0 : 1, event.results, charged.charged.micros()};
}

// Clients say {"matchRate":N} with one digit, or nothing.
MatchRates rated(const UsageEvent& event) {
  if (event.details.empty()) return {};
  return {1, (event.details[event.details.size() - 2] - '0') * std::int64_t{1'000'000}};
}

RollupDims dims(const ChargedEvent& charged) {
  return {charged.event.endpoint, charged.category, charged.event.key};
}

std::string name_of(const ChargedEvent& charged, GroupBy group) {
  switch (group) {
    case GroupBy::endpoint:
      return charged.event.endpoint;
    case GroupBy::category:
      return charged.category;
    case GroupBy::key:
      return charged.event.key;
  }
  return {};
}

}  // namespace

std::size_t UsageModel::sent(const std::vector<UsageEvent>& events) {
  Sent& batch = batches_.emplace_back();
  batch.account = events.front().account;
  for (const UsageEvent& event : events) {
    batch.keys.emplace_back(event.account, event.source, event.id);
    Known& known = events_[batch.keys.back()];
    known.event = event;
    ++known.waiting;
  }
  return batches_.size() - 1;
}

void UsageModel::answered(std::size_t number, const Result<Ingested>& answer) {
  Sent& batch = batches_.at(number);
  if (batch.answered) return verdict_.broken("a batch was answered twice");
  batch.answered = true;
  Book& book = books_[batch.account];
  const bool unknown = !answer && answer.error().code == Errc::unavailable;
  for (const EventKey& key : batch.keys) {
    Known& known = events_.at(key);
    --known.waiting;
    if (answer) ++known.acknowledged;
    if (unknown) ++known.unknown;
  }
  if (unknown) book.maybe += batch.keys.size();
  if (!answer) return;
  book.accepted += answer->accepted;
  if (!answer->rejected.empty()) verdict_.broken("an event was rejected for its charge");
  if (answer->accepted + answer->duplicates != batch.keys.size())
    verdict_.broken("accepted and duplicate events are not all events of the batch");
}

void UsageModel::restarted() {
  for (const Sent& batch : batches_) {
    if (!batch.answered) verdict_.broken("a batch of " + batch.account.str() + " was never answered");
  }
  for (auto& [key, known] : events_) known.journaled = false;
  for (auto& [account, book] : books_) {
    book.events.clear();
    book.flushed = 0;
    book.days.clear();
    book.months.clear();
  }
  prices_.clear();
  read_to_ = 0;
  journaled_ = 0;
}

void UsageModel::check(const Store& store) {
  read_journal(store);
  check_acknowledged();
  check_rows(store);
}

void UsageModel::read_journal(const Store& store) {
  const auto read =
      store.read_journal(read_to_ + 1, [&](Position position, std::string_view account, std::string_view bytes) {
        read_to_ = position;
        if (is_ledger_record(bytes)) return true;
        auto record = decode_usage_record(bytes);
        if (!record) return verdict_.broken("a journal record cannot be read"), false;
        for (ChargedEvent& charged : record->events)
          take(store, AccountId(std::string(account)), position, std::move(charged));
        return true;
      });
  if (!read) verdict_.broken("the journal cannot be read");
}

void UsageModel::take(const Store& store, const AccountId& account, Position position, ChargedEvent charged) {
  charged.event.account = account;
  const auto found = events_.find({account, charged.event.source, charged.event.id});
  if (found == events_.end()) return verdict_.broken(name(charged.event) + " was never sent");
  Known& known = found->second;
  if (known.journaled) verdict_.broken(name(charged.event) + " counts twice");
  if (!same(known.event, charged.event)) verdict_.broken(name(charged.event) + " was changed");
  if (known.waiting + known.acknowledged + known.unknown == 0)
    verdict_.broken(name(charged.event) + " counts, although it was refused");
  check_charge(store, charged);
  known.journaled = true;
  ++journaled_;
  books_[account].events.push_back({position, std::move(charged)});
}

void UsageModel::check_charge(const Store& store, const ChargedEvent& charged) {
  std::int64_t expected = 0;
  if (charged.price_version > 0) {
    const auto wanted = std::pair(charged.event.endpoint, charged.price_version);
    if (!prices_.contains(wanted)) {
      (void)store.scan_all(Table::price, AccountId(), [&](std::string_view, std::string_view, std::string_view value) {
        Price price = decode_price(value).value();
        prices_[{price.endpoint, price.version}] = price;
        return true;
      });
    }
    const auto price = prices_.find(wanted);
    if (price == prices_.end()) return verdict_.broken(name(charged.event) + " has a price that is not stored");
    expected = price->second.credits.micros() * charged.event.results;
    if (price->second.category != charged.category) verdict_.broken(name(charged.event) + " has a wrong category");
  }
  if (charged.charged.micros() != expected) verdict_.broken(name(charged.event) + " has a wrong charge");
}

void UsageModel::check_acknowledged() {
  for (const auto& [key, known] : events_) {
    if (known.acknowledged > 0 && !known.journaled)
      verdict_.broken(name(known.event) + " was acknowledged and is lost");
  }
  for (const auto& [account, book] : books_) {
    if (book.events.size() < book.accepted || book.events.size() > book.accepted + book.maybe)
      verdict_.broken("the answers to " + account.str() + " said " + std::to_string(book.accepted) +
                      " accepted events, the journal has " + std::to_string(book.events.size()));
  }
}

// The rows of an account hold exactly the events up to the position that its meter row names.
void UsageModel::check_rows(const Store& store) {
  for (auto& [account, book] : books_) {
    const auto row = store.get(Table::meter, account, "").value();
    const Position through = row ? read_be64(*row) : 0;
    for (; book.flushed < book.events.size() && book.events[book.flushed].position <= through; ++book.flushed) {
      const ChargedEvent& charged = book.events[book.flushed].charged;
      const Counters counters = count(charged);
      const MatchRates rates = rated(charged.event);
      RollupValue value{counters, {{static_cast<std::uint8_t>(hour_of_day(charged.event.time)), counters}}, rates};
      book.days[rollup_key(day_of(charged.event.time))][encode(dims(charged))].add(value);
      RollupValue& month = book.months[rollup_key(month_of(charged.event.time))][encode(dims(charged))];
      month.total += counters;
      month.match_rates += rates;
    }
  }
  check_table(store, Table::rollup_day, &Book::days);
  check_table(store, Table::rollup_month, &Book::months);
  check_dedup(store);
}

void UsageModel::check_table(const Store& store, Table table, std::map<std::string, RollupRow> Book::*expected) {
  const std::string what = table == Table::rollup_day ? "a day row of " : "a month row of ";
  std::size_t left = 0;
  for (const auto& [account, book] : books_) left += (book.*expected).size();
  (void)store.scan_all(table, AccountId(), [&](std::string_view account, std::string_view key, std::string_view value) {
    const auto book = books_.find(AccountId(std::string(account)));
    if (book == books_.end()) return verdict_.broken(what + "a stranger"), false;
    const auto& rows = book->second.*expected;
    const auto row = rows.find(std::string(key));
    if (row == rows.end()) return verdict_.broken(what + std::string(account) + " counts nothing known"), false;
    if (decode_rollup_row(value).value() != row->second)
      return verdict_.broken(what + std::string(account) + " is not the sum of its events"), false;
    --left;
    return true;
  });
  if (left > 0) verdict_.broken(what + "some account is missing");
}

void UsageModel::check_dedup(const Store& store) {
  std::map<std::string, std::size_t, std::less<>> counts;
  (void)store.scan_all(Table::dedup, AccountId(), [&](std::string_view account, std::string_view, std::string_view) {
    ++counts[std::string(account)];
    return true;
  });
  for (const auto& [account, book] : books_) {
    if (counts[account.str()] != book.flushed)
      verdict_.broken(account.str() + " has another number of fingerprints than of flushed events");
  }
}

void UsageModel::check_report(const AccountId& account, const Report& report, bool last) {
  const Book& book = books_[account];
  const auto& [from, to] = report.request.range;
  std::map<std::pair<UtcTime, std::vector<std::string>>, Counters> rows;
  Counters totals;
  for (const auto& [position, charged] : book.events) {
    const UtcTime time = charged.event.time;
    if (position > report.as_of || time < from || time >= to) continue;
    std::vector<std::string> names;
    for (const GroupBy group : report.request.group_by) names.push_back(name_of(charged, group));
    const UtcTime period =
        report.request.granularity == Granularity::total ? from : floor_to(report.request.granularity, time);
    rows[{period, std::move(names)}] += count(charged);
    totals += count(charged);
  }
  const Position newest = book.events.empty() ? 0 : book.events.back().position;
  if (last && report.as_of != newest) verdict_.broken("a report of " + account.str() + " is not as of its last event");
  if (report.totals != totals) verdict_.broken("a report of " + account.str() + " has wrong totals");
  if (report.rows.size() != rows.size()) return verdict_.broken("a report of " + account.str() + " has wrong rows");
  std::size_t i = 0;
  for (const auto& [place, counters] : rows) {
    const ReportRow& row = report.rows[i++];
    if (row.period != place.first || report.names_of(row) != place.second || row.counters != counters)
      verdict_.broken("a report of " + account.str() + " has a wrong row");
  }
}

}  // namespace tally::sim
