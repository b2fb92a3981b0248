#include "http/ledger_views.h"

#include <algorithm>

#include "http/answers.h"
#include "http/ledger_wire.h"
#include "http/problem.h"

namespace tally::http {

namespace {

// A page looks at no more entries than this for those of one type.
constexpr std::size_t looked_at_max = 20'000;

Response no_such_entry() {
  return problem(404, "not_found", "no such ledger entry");
}

Result<std::optional<UtcTime>> time_param(const Request& request, std::string_view name) {
  const auto text = request.param(name);
  if (!text) return std::optional<UtcTime>();
  const auto time = UtcTime::parse(*text);
  if (time) return std::optional(*time);
  return fail(Errc::invalid_argument, std::string(name) + " must be an ISO 8601 time such as 2026-02-03T04:05:06Z",
              "invalid_" + std::string(name));
}

Result<std::optional<EntryType>> type_param(const Request& request) {
  const auto word = request.param("type");
  if (!word) return std::optional<EntryType>();
  for (const EntryType type :
       {EntryType::grant, EntryType::debit, EntryType::adjustment, EntryType::expiry, EntryType::reversal}) {
    if (to_string(type) == *word) return std::optional(type);
  }
  return fail(Errc::invalid_argument, "type must be grant, debit, adjustment, expiry or reversal", "invalid_type");
}

// The version that the entry was charged by; null if none was.
const Price* price_of(const PriceBook& book, const LedgerEntry& entry) {
  const auto* versions = book.versions(entry.endpoint);
  if (entry.price_version == 0 || !versions) return nullptr;
  const auto found = std::find_if(versions->begin(), versions->end(),
                                  [&](const Price& price) { return price.version == entry.price_version; });
  return found == versions->end() ? nullptr : &*found;
}

// 0 without a cursor.
Result<std::uint64_t> cursor_param(const Request& request, std::optional<std::uint64_t> (*parse)(std::string_view)) {
  const auto text = request.param("cursor");
  if (!text) return std::uint64_t{0};
  if (const auto number = parse(*text)) return *number;
  return fail(Errc::invalid_argument, "not a cursor of this list", "invalid_cursor");
}

}  // namespace

struct LedgerViews::Filter {
  std::size_t limit = 50;
  std::uint64_t before = 0;  // 0: from the newest
  std::optional<EntryType> type;
  std::optional<UtcTime> from;
  std::optional<UtcTime> to;

  static Result<Filter> read(const Request& request) {
    const auto limit = number_param(request, "limit", 50, 1, 500);
    if (!limit) return limit.error();
    const auto before = cursor_param(request, parse_entry_id);
    if (!before) return before.error();
    const auto type = type_param(request);
    if (!type) return type.error();
    const auto from = time_param(request, "from");
    if (!from) return from.error();
    const auto to = time_param(request, "to");
    if (!to) return to.error();
    return Filter{static_cast<std::size_t>(*limit), *before, *type, *from, *to};
  }
};

void LedgerViews::balance(const AccountId& account, Answer answer) const {
  ledgers_.read(account, [answer = std::move(answer)](const Result<LedgerState>& state) {
    if (!state) return answer(problem(state.error()));
    std::string json;
    JsonWriter out(json);
    write_balance(out, *state);
    answer(json_response(200, std::move(json)));
  });
}

void LedgerViews::lots(const AccountId& account, const Request& request, Answer answer) const {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return answer(problem(limit.error()));
  const auto after = cursor_param(request, parse_lot_id);
  if (!after) return answer(problem(after.error()));
  const auto status = request.param("status");
  if (status && *status != "open") return answer(problem(422, "invalid_status", "status must be open"));
  ledgers_.read(
      account, [this, account, after = *after, limit = static_cast<std::size_t>(*limit), open_only = status.has_value(),
                answer = std::move(answer)](const Result<LedgerState>& state) {
        answer(state ? lots_page(account, *state, after, limit, open_only) : problem(state.error()));
      });
}

// Lots that were granted after `state` was read are left out, as it does not tell what is left of them.
Response LedgerViews::lots_page(const AccountId& account, const LedgerState& state, std::uint64_t after,
                                std::size_t limit, bool open_only) const {
  std::vector<Lot> page;
  if (open_only) {
    std::vector<std::uint64_t> numbers;
    for (const OpenLot& lot : state.lots) {
      if (lot.number > after) numbers.push_back(lot.number);
    }
    std::sort(numbers.begin(), numbers.end());
    if (numbers.size() > limit + 1) numbers.resize(limit + 1);
    for (const std::uint64_t number : numbers) {
      auto lot = ledgers_.lot(account, number);
      if (!lot) return problem(lot.error());
      page.push_back(std::move(*lot));
    }
  } else {
    auto lots = ledgers_.lots(account, after + 1, limit + 1);
    if (!lots) return problem(lots.error());
    page = std::move(*lots);
    std::erase_if(page, [&](const Lot& lot) { return lot.number > state.last_lot; });
  }
  const bool more = page.size() > limit;
  if (more) page.pop_back();
  std::string items;
  JsonWriter out(items);
  for (const Lot& lot : page) write_lot(out, lot, remaining_of(state, lot.number));
  return json_response(200, list_json(items, more ? lot_id(page.back().number) : ""));
}

void LedgerViews::holds(const AccountId& account, const Request& request, Answer answer) const {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return answer(problem(limit.error()));
  const auto status = request.param("status");
  if (status && *status != "open") return answer(problem(422, "invalid_status", "status must be open"));
  std::uint64_t after = 0;
  if (const auto cursor = request.param("cursor")) {
    const auto name = parse_hold_id(*cursor);
    if (!name || name->account != account) return answer(problem(422, "invalid_cursor", "not a cursor of this list"));
    after = name->number;
  }
  const auto show = [this, account, after, limit = static_cast<std::size_t>(*limit)]() -> Response {
    auto page = ledgers_.open_holds(account, after + 1, limit + 1);
    if (!page) return problem(page.error());
    const bool more = page->size() > limit;
    if (more) page->pop_back();
    std::string items;
    JsonWriter out(items);
    for (const Hold& hold : *page) write_hold(out, account, hold);
    return json_response(200, list_json(items, more ? hold_id(account, page->back().number) : ""));
  };
  ledgers_.read(account, [show, answer = std::move(answer)](const Result<LedgerState>& state) {
    answer(state ? show() : problem(state.error()));
  });
}

void LedgerViews::entries(const AccountId& account, const Request& request, Answer answer) const {
  auto filter = Filter::read(request);
  if (!filter) return answer(problem(filter.error()));
  ledgers_.read(account,
                [this, account, filter = *filter, answer = std::move(answer)](const Result<LedgerState>& state) {
                  answer(state ? entries_page(account, filter, state->last_entry) : problem(state.error()));
                });
}

Result<std::uint64_t> first_entry_at(const storage::Ledgers& ledgers, const AccountId& account, std::uint64_t last,
                                     UtcTime at) {
  std::uint64_t low = 1;
  std::uint64_t high = last + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto entry = ledgers.entry(account, middle);
    if (!entry) return entry.error();
    if (entry->created_at < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Response LedgerViews::entries_page(const AccountId& account, const Filter& filter, std::uint64_t last) const {
  std::uint64_t before = filter.before;
  if (filter.to) {
    const auto end = first_entry_at(ledgers_, account, last, *filter.to);
    if (!end) return problem(end.error());
    if (before == 0 || *end < before) before = *end;
  }
  std::string items;
  JsonWriter out(items);
  std::size_t shown = 0;
  std::size_t looked_at = 0;
  std::uint64_t passed = 0;  // the last one that was looked at
  bool more = false;
  const auto scanned = ledgers_.scan_entries_back(account, before, [&](const LedgerEntry& entry) {
    if (filter.from && entry.created_at < *filter.from) return false;
    const bool wanted = !filter.type || entry.type == *filter.type;
    if ((wanted && shown == filter.limit) || looked_at == looked_at_max) {
      more = true;
      return false;
    }
    ++looked_at;
    passed = entry.seq;
    if (wanted) {
      write_entry(out, account, entry);
      ++shown;
    }
    return true;
  });
  if (!scanned) return problem(scanned.error());
  return json_response(200, list_json(items, more ? entry_id(passed) : ""));
}

void LedgerViews::entry(const AccountId& account, std::string_view id, Answer answer) const {
  const auto seq = parse_entry_id(id);
  if (!seq) return answer(no_such_entry());
  ledgers_.read(account, [this, account, seq = *seq, answer = std::move(answer)](const Result<LedgerState>& state) {
    if (!state) return answer(problem(state.error()));
    const auto entry = ledgers_.entry(account, seq);
    if (!entry) return answer(entry.error().code == Errc::not_found ? no_such_entry() : problem(entry.error()));
    const auto book = directory_.prices();
    std::string json;
    JsonWriter out(json);
    write_entry(out, account, *entry, price_of(*book, *entry));
    answer(json_response(200, std::move(json)));
  });
}

}  // namespace tally::http
