#include "storage/meter.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/codec.h"
#include "storage/fingerprint.h"
#include "storage/joined_work.h"
#include "storage/journal_record.h"
#include "storage/rollup_tail.h"

namespace tally::storage {

namespace {

constexpr std::string_view fingerprint_key_row = "fingerprint_key";

Debit debit_of(const UsageEvent& event, const Charge& charge) {
  return {charge.credits, event.endpoint, event.source, event.id, charge.price_version, "", ""};
}

// Gives each stored row of the periods in `span` to the builder, by `add`.
using AddRow = Result<void> (ReportBuilder::*)(std::string_view key, std::string_view value);
Result<void> add_stored(const Rows& rows, Table table, const AccountId& account, const ReadPlan::Span& span,
                        ReportBuilder& builder, AddRow add) {
  if (span.begin >= span.end) return {};
  Result<void> added;
  const auto scanned = rows.scan(table, account, {rollup_key(span.begin), rollup_key(span.end), false},
                                 [&](std::string_view key, std::string_view value) {
                                   added = (builder.*add)(key, value);
                                   return added.has_value();
                                 });
  return scanned ? added : scanned;
}

}  // namespace

struct Meter::Impl {
  // What one call of ingest() brought.
  struct EventBatch {
    std::vector<UsageEvent> events;
    std::function<void(Result<Ingested>)> done;
    Ingested ingested{};
    std::vector<Fingerprint> reserved{};
    std::optional<Error> refused{};
    std::size_t size() const noexcept { return events.size(); }
  };
  // A usage event on its way into the journal.
  struct Candidate {
    EventBatch* batch;
    std::size_t place;  // in the batch
    Fingerprint fingerprint;
    Charge charge;
    std::string category;
    UsageEvent& event() const { return batch->events[place]; }
  };
  Store& store;
  Writer& writer;
  Clock& clock;
  Ledgers& ledgers;
  std::function<std::shared_ptr<const PriceBook>()> prices;
  RollupTail tail;
  std::optional<Fingerprinter> fingerprinter{};
  std::int64_t next_checkpoint_ms = 0;
  Position stored_replay_from = 0;
  JoinedWork<EventBatch> incoming{
      writer, [this](AccountTx& tx, std::vector<EventBatch>& batches) { return accept(tx, batches); },
      [this](const AccountId& account, std::vector<EventBatch>& batches, const Result<void>& result) {
        for (EventBatch& batch : batches) answer(account, batch, result);
      }};

  Result<std::vector<bool>> known(AccountTx& tx, const std::vector<Fingerprint>& fingerprints);
  Result<std::vector<Candidate>> choose(AccountTx& tx, std::vector<EventBatch>& batches);
  bool take(const AccountId& account, Candidate& candidate, const PriceBook& book);
  Result<void> accept(AccountTx& tx, std::vector<EventBatch>& batches);
  void answer(const AccountId& account, EventBatch& batch, const Result<void>& result);
  void record(AccountTx& tx, const UsageRecord& record, std::vector<Fingerprint> fingerprints);
  Result<Hold> settle(AccountTx& tx, UsageEvent& event, std::uint64_t hold, std::vector<Fingerprint>& reserved);
  Result<Hold> resolved_by(AccountTx& tx, std::uint64_t hold, const UsageEvent& event) const;
  Result<ReversedEvent> reverse(AccountTx& tx, const std::string& source, const std::string& id,
                                const std::string& reason);
  Result<EventPlace> locate(const AccountId& account, const Fingerprint& fingerprint) const;
  Result<ChargedEvent> read_event(const EventPlace& place) const;
  void checkpoint();
};

Meter::Meter(Store& store, Writer& writer, Clock& clock, Ledgers& ledgers,
             std::function<std::shared_ptr<const PriceBook>()> prices, WriteBehindOptions options)
    : impl_(new Impl{store, writer, clock, ledgers, std::move(prices), {store, writer, clock, options}}) {}

Meter::~Meter() = default;

Result<void> Meter::recover(Random& random) {
  Impl& m = *impl_;
  auto key = m.store.get(Table::meta, system_account(), fingerprint_key_row);
  if (!key) return key.error();
  if (!*key) {
    Batch batch(system_account());
    batch.put(Table::meta, std::string(fingerprint_key_row), Fingerprinter::make_key(random));
    if (auto made = m.store.commit({&batch, 1}, Durability::synced); !made) return made.error();
    key = m.store.get(Table::meta, system_account(), fingerprint_key_row);
  }
  if ((*key)->size() != Fingerprinter::key_bytes)
    return fail(Errc::corrupt, "the store's fingerprint key has a wrong size");
  m.fingerprinter.emplace(**key);

  const auto from = m.store.get(Table::meta, system_account(), replay_from_row);
  if (!from) return from.error();
  m.stored_replay_from = *from && (*from)->size() == 8 ? read_be64(**from) : 1;

  std::unordered_map<std::string, Position> through;
  std::optional<Error> broken;
  auto read = m.store.read_journal(
      m.stored_replay_from, [&](Position position, std::string_view account, std::string_view bytes) {
        if (is_ledger_record(bytes)) return true;
        const AccountId id{std::string(account)};
        auto included = through.find(id.str());
        if (included == through.end()) {
          const auto row = m.store.get(Table::meter, id, "");
          if (!row) return broken = row.error(), false;
          included = through.emplace(id.str(), *row && (*row)->size() == 8 ? read_be64(**row) : 0).first;
        }
        if (position <= included->second) return true;
        auto record = decode_usage_record(bytes);
        if (!record) {
          broken = fail(Errc::corrupt, "journal record " + std::to_string(position) + ": " + record.error().detail);
          return false;
        }
        std::vector<Share> shares;
        std::vector<Fingerprint> fingerprints;
        for (const ChargedEvent& event : record->events) {
          shares.push_back(record->reversal ? negated(share_of(event)) : share_of(event));
          if (record->reversal) continue;
          fingerprints.push_back(m.fingerprinter->of(id.str(), event.event.source, event.event.id));
          m.tail.remember(id, fingerprints.back());
        }
        m.tail.publish(id, shares, fingerprints, record->arrived_at, position);
        return true;
      });
  if (broken) return *broken;
  return read;
}

// Which of the events were accepted before: in memory, or else in the dedup table.
Result<std::vector<bool>> Meter::Impl::known(AccountTx& tx, const std::vector<Fingerprint>& fingerprints) {
  std::vector<bool> seen = tail.remembers(tx.account(), fingerprints);
  std::vector<std::string> keys;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < fingerprints.size(); ++i) {
    if (seen[i]) continue;
    keys.push_back(to_bytes(fingerprints[i]));
    places.push_back(i);
  }
  if (keys.empty()) return seen;
  auto rows = store.get_many(Table::dedup, tx.account(), keys);
  if (!rows) return rows.error();
  for (std::size_t i = 0; i < rows->size(); ++i) seen[places[i]] = (*rows)[i].has_value();
  return seen;
}

// The events that are new and can be charged; their fingerprints are taken from here on.
Result<std::vector<Meter::Impl::Candidate>> Meter::Impl::choose(AccountTx& tx, std::vector<EventBatch>& batches) {
  std::vector<Candidate> candidates;
  std::vector<Fingerprint> fingerprints;
  for (EventBatch& batch : batches) {
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
      const UsageEvent& event = batch.events[i];
      fingerprints.push_back(fingerprinter->of(event.account.str(), event.source, event.id));
      candidates.push_back({&batch, i, fingerprints.back(), {}, {}});
    }
  }
  const auto seen = known(tx, fingerprints);
  if (!seen) return seen.error();
  const auto book = prices();
  std::vector<Candidate> chosen;
  chosen.reserve(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    EventBatch& batch = *candidates[i].batch;
    if ((*seen)[i]) {
      ++batch.ingested.duplicates;
    } else if (!tx.writable()) {
      // A fingerprint that is reserved makes the next batch's same event a duplicate, so none is reserved in vain.
      batch.refused = fail(Errc::exhausted, "the disk is nearly full; the server is read-only");
    } else if (take(tx.account(), candidates[i], *book)) {
      chosen.push_back(std::move(candidates[i]));
    }
  }
  return chosen;
}

bool Meter::Impl::take(const AccountId& account, Candidate& candidate, const PriceBook& book) {
  Ingested& ingested = candidate.batch->ingested;
  const auto charged = charge(candidate.event(), book);
  const auto total = charged ? add(ingested.credits, charged->credits) : Result<Credits>(charged.error());
  if (!total) {
    ingested.rejected.emplace_back(candidate.place, total.error());
    return false;
  }
  if (!tail.remember(account, candidate.fingerprint)) {  // the same id twice among these batches
    ++ingested.duplicates;
    return false;
  }
  candidate.batch->reserved.push_back(candidate.fingerprint);
  ingested.credits = *total;
  candidate.charge = *charged;
  candidate.category = charged->category;  // which lies in the book, and an event may outlive that
  return true;
}

Result<void> Meter::Impl::accept(AccountTx& tx, std::vector<EventBatch>& batches) {
  auto chosen = choose(tx, batches);
  if (!chosen) return chosen.error();
  if (chosen->empty()) return {};
  std::vector<std::uint64_t> entries(chosen->size(), 0);
  const bool costs = std::any_of(chosen->begin(), chosen->end(),
                                 [](const Candidate& candidate) { return candidate.charge.credits > Credits(); });
  std::vector<std::optional<Error>> refused(chosen->size());
  if (costs) {
    auto changed = ledgers.change(tx, [&](Ledger& ledger) {
      for (std::size_t i = 0; i < chosen->size(); ++i) {
        auto entry = ledger.debit(debit_of((*chosen)[i].event(), (*chosen)[i].charge));
        if (entry) {
          entries[i] = *entry;
        } else {
          refused[i] = entry.error();
        }
      }
    });
    if (!changed) return changed;
  }
  UsageRecord accepted{clock.now(), false, {}};
  accepted.events.reserve(chosen->size());
  std::vector<Fingerprint> fingerprints;
  fingerprints.reserve(chosen->size());
  for (std::size_t i = 0; i < chosen->size(); ++i) {
    Candidate& candidate = (*chosen)[i];
    Ingested& ingested = candidate.batch->ingested;
    if (refused[i]) {
      ingested.rejected.emplace_back(candidate.place, *refused[i]);
      ingested.credits = subtract(ingested.credits, candidate.charge.credits).value();
      tail.forget(tx.account(), {candidate.fingerprint});
      continue;
    }
    ++ingested.accepted;
    fingerprints.push_back(candidate.fingerprint);
    accepted.events.push_back({std::move(candidate.event()), candidate.charge.credits, std::move(candidate.category),
                               candidate.charge.price_version, entries[i]});
  }
  if (!accepted.events.empty()) record(tx, accepted, std::move(fingerprints));
  return {};
}

// One journal record, and its shares in the rollups once it is committed.
void Meter::Impl::record(AccountTx& tx, const UsageRecord& record, std::vector<Fingerprint> fingerprints) {
  std::vector<Share> shares;
  shares.reserve(record.events.size());
  for (const ChargedEvent& event : record.events)
    shares.push_back(record.reversal ? negated(share_of(event)) : share_of(event));
  const std::size_t nth = tx.append(encode(record));
  tx.on_commit(
      [this, nth, account = tx.account(), shares = std::move(shares), fingerprints = std::move(fingerprints),
       at = record.arrived_at](Position first) { tail.publish(account, shares, fingerprints, at, first + nth); });
}

Result<Hold> Meter::Impl::resolved_by(AccountTx& tx, std::uint64_t hold, const UsageEvent& event) const {
  auto stored = ledgers.hold_in(tx, hold);
  if (!stored) return stored;
  const bool same =
      stored->status == HoldStatus::settled && stored->event_source == event.source && stored->event_id == event.id;
  if (same) return stored;
  if (stored->status == HoldStatus::open)
    return fail(Errc::conflict, "the event was counted before, without the hold", "duplicate_event");
  return fail(Errc::conflict, "the hold is " + std::string(to_string(stored->status)), "hold_resolved");
}

Result<Hold> Meter::Impl::settle(AccountTx& tx, UsageEvent& event, std::uint64_t hold,
                                 std::vector<Fingerprint>& reserved) {
  const Fingerprint fingerprint = fingerprinter->of(event.account.str(), event.source, event.id);
  auto seen = known(tx, {fingerprint});
  if (!seen) return seen.error();
  if (seen->front()) return resolved_by(tx, hold, event);
  const auto book = prices();
  auto charged = charge(event, *book);
  if (!charged) return charged.error();
  Result<Hold> settled = fail(Errc::not_found, "no such hold");
  auto changed = ledgers.change(tx, [&](Ledger& ledger) { settled = ledger.settle(hold, debit_of(event, *charged)); });
  if (!changed) return changed.error();
  if (!settled) return settled.error().code == Errc::not_found ? resolved_by(tx, hold, event) : settled;
  tail.remember(tx.account(), fingerprint);
  reserved.push_back(fingerprint);
  UsageRecord accepted{clock.now(), false, {}};
  accepted.events.push_back(
      {std::move(event), charged->credits, std::string(charged->category), charged->price_version, settled->entry});
  record(tx, accepted, {fingerprint});
  return settled;
}

Result<EventPlace> Meter::Impl::locate(const AccountId& account, const Fingerprint& fingerprint) const {
  if (const auto place = tail.place(account, fingerprint)) return *place;
  const auto row = store.get(Table::dedup, account, to_bytes(fingerprint));
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "no such event within the last 32 days");
  Decoder in(std::string_view(**row).substr(std::min<std::size_t>(8, (*row)->size())));
  const EventPlace place{in.u64(), in.u64()};
  if (!in.done()) return fail(Errc::corrupt, "the place of an event cannot be read");
  return place;
}

Result<ChargedEvent> Meter::Impl::read_event(const EventPlace& place) const {
  Result<ChargedEvent> event = fail(Errc::corrupt, "an event is not where its fingerprint says");
  auto read = store.read_journal(place.position, [&](Position position, std::string_view, std::string_view bytes) {
    if (position != place.position) return false;
    auto record = decode_usage_record(bytes);
    if (!record) {
      event = record.error();
    } else if (place.index < record->events.size()) {
      event = std::move(record->events[static_cast<std::size_t>(place.index)]);
    }
    return false;
  });
  if (!read) return read.error();
  return event;
}

Result<ReversedEvent> Meter::Impl::reverse(AccountTx& tx, const std::string& source, const std::string& id,
                                           const std::string& reason) {
  const Fingerprint fingerprint = fingerprinter->of(tx.account().str(), source, id);
  const auto found = locate(tx.account(), fingerprint);
  if (!found) return found.error();
  auto charged = read_event(*found);
  if (!charged) return charged.error();
  charged->event.account = tx.account();
  ReversedEvent reversed{charged->event, charged->charged, 0};
  const auto before = tx.get(Table::reversal, to_bytes(fingerprint));
  if (!before) return before.error();
  if (*before) {
    reversed.reversal = (*before)->size() == 8 ? read_be64(**before) : 0;
    return reversed;
  }
  if (charged->entry != 0) {
    const auto debit = ledgers.entry(tx.account(), charged->entry);
    if (!debit) return debit.error();
    std::vector<Lot> lots;
    for (const LotShare& share : debit->lots) {
      auto lot = ledgers.lot(tx.account(), share.lot);
      if (!lot) return lot.error();
      lots.push_back(std::move(*lot));
    }
    Result<void> given_back;
    auto changed = ledgers.change(tx, [&](Ledger& ledger) {
      given_back = ledger.reverse(*debit, lots, reason);
      if (given_back) reversed.reversal = ledger.entries().back().seq;
    });
    if (!changed) return changed.error();
    if (!given_back) return given_back.error();
  }
  std::string seq;
  append_be64(seq, reversed.reversal);
  tx.put(Table::reversal, to_bytes(fingerprint), std::move(seq));
  UsageRecord taken_back{clock.now(), true, {}};
  taken_back.events.push_back(std::move(*charged));
  record(tx, taken_back, {});
  return reversed;
}

void Meter::Impl::answer(const AccountId& account, EventBatch& batch, const Result<void>& result) {
  if (result && !batch.refused) return batch.done(std::move(batch.ingested));
  tail.forget(account, batch.reserved);
  batch.done(result ? *batch.refused : result.error());
}

void Meter::ingest(const AccountId& account, std::vector<UsageEvent> events,
                   std::function<void(Result<Ingested>)> done) {
  impl_->incoming.post(account, {std::move(events), std::move(done)});
}

// A refusal must not undo what time changed in the ledger, so the command succeeds and the caller gets its outcome.
void Meter::settle(UsageEvent event, std::uint64_t hold, std::function<void(Result<Hold>)> done) {
  struct Work {
    UsageEvent event;
    Result<Hold> settled = fail(Errc::unavailable, "not decided");
    std::vector<Fingerprint> reserved;
  };
  auto work = std::make_shared<Work>();
  AccountId account = event.account;
  work->event = std::move(event);
  Impl& m = *impl_;
  m.writer.post(
      account,
      [&m, work, hold](AccountTx& tx) -> Result<void> {
        work->settled = m.settle(tx, work->event, hold, work->reserved);
        return {};
      },
      Durability::synced,
      [&m, work, account, done = std::move(done)](const Result<void>& result) {
        if (result) return done(std::move(work->settled));
        m.tail.forget(account, work->reserved);
        done(result.error());
      });
}

void Meter::reverse(const AccountId& account, std::string source, std::string id, std::string reason,
                    std::function<void(Result<ReversedEvent>)> done) {
  auto reversed = std::make_shared<Result<ReversedEvent>>(fail(Errc::unavailable, "not decided"));
  Impl& m = *impl_;
  m.writer.post(
      account,
      [&m, reversed, source = std::move(source), id = std::move(id),
       reason = std::move(reason)](AccountTx& tx) -> Result<void> {
        *reversed = m.reverse(tx, source, id, reason);
        return {};
      },
      Durability::synced,
      [reversed, done = std::move(done)](const Result<void>& result) {
        if (result) return done(std::move(*reversed));
        done(result.error());
      });
}

// Tells the next start where to begin reading the journal. Every record at or before `published` is either in its rows
// or in one of the tails, so the oldest of these, or else the one after `published`, is a safe place.
void Meter::Impl::checkpoint() {
  const Position published = std::max(tail.last_published(), ledgers.tail().last_published());
  Position from = published + 1;
  for (const auto oldest : {tail.oldest(), ledgers.tail().oldest()}) from = std::min(from, oldest.value_or(from));
  if (from <= stored_replay_from) return;
  stored_replay_from = from;
  writer.post(
      system_account(),
      [from](AccountTx& tx) -> Result<void> {
        std::string value;
        append_be64(value, from);
        tx.put(Table::meta, std::string(replay_from_row), std::move(value));
        return {};
      },
      Durability::relaxed, nullptr);
}

void Meter::tick() {
  Impl& m = *impl_;
  const std::int64_t now_ms = m.clock.now().ms();
  m.tail.tick();
  if (now_ms < m.next_checkpoint_ms) return;
  m.next_checkpoint_ms = now_ms + second_ms;
  m.checkpoint();
}

void Meter::flush_all() {
  impl_->tail.write_all();
}

std::uint64_t Meter::unflushed_events() const noexcept {
  return impl_->tail.unwritten_events();
}

Result<Report> Meter::report(const AccountId& account, const ReportRequest& request) const {
  const Impl& m = *impl_;
  const ReadPlan reads = plan(request);
  ReportBuilder builder(request);
  auto view = m.tail.view(account, reads);
  if (!view) return view.error();
  const Rows& rows = *view->rows;
  if (!view->as_of) {
    const auto through = rows.get(Table::meter, account, "");
    if (!through) return through.error();
    view->as_of = *through && (*through)->size() == 8 ? read_be64(**through) : 0;
  }

  for (const auto& [day, dims, value] : view->series) {
    const std::int32_t month = month_of(start_of_day(day));
    if (reads.months.contains(month)) {
      builder.add_month(month, dims, value.total, value.match_rates);
    } else {
      builder.add_day(day, dims, value);
    }
  }
  if (auto added = collect(rows, account, request, builder); !added) return added.error();
  return std::move(builder).finish(*view->as_of);
}

Result<void> Meter::collect(const Rows& settled, const AccountId& account, const ReportRequest& request,
                            ReportBuilder& builder) {
  const ReadPlan reads = plan(request);
  auto added = add_stored(settled, Table::rollup_month, account, reads.months, builder, &ReportBuilder::add_month_row);
  if (!added) return added;
  for (const ReadPlan::Span& span : {reads.days_before, reads.days_after}) {
    added = add_stored(settled, Table::rollup_day, account, span, builder, &ReportBuilder::add_day_row);
    if (!added) return added;
  }
  return {};
}

bool Meter::is_settled(const AccountId& account) const {
  return impl_->tail.is_settled(account);
}

}  // namespace tally::storage
