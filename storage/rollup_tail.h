// What of the accounts' usage is committed but not in their rows yet: counts for the rollups, fingerprints against
// duplicates.
//
// Many events cost one row. A report adds what is here to a view of the rows without it; a restart reads the journal's
// tail again.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/report.h"
#include "core/rollup.h"
#include "storage/fingerprint.h"
#include "storage/journal_record.h"
#include "storage/write_behind.h"

namespace tally::storage {

// One event's share of a day's row.
struct Share {
  std::int32_t day = 0;
  std::string dims;  // encoded
  std::uint8_t hour = 0;
  Counters counters;
  MatchRates match_rates;
};
Share share_of(const ChargedEvent& charged);
Share negated(Share share);  // what takes it back

// Where an event lies in the journal.
struct EventPlace {
  Position position = 0;
  std::uint64_t index = 0;  // within the record
};

// Thread-safe.
class RollupTail {
 public:
  RollupTail(const Store& store, Writer& writer, const Clock& clock, WriteBehindOptions options);

  // Fingerprints of events that may not be in the dedup table yet. remember: false when it is known already.
  std::vector<bool> remembers(const AccountId& account, const std::vector<Fingerprint>& fingerprints) const;
  bool remember(const AccountId& account, const Fingerprint& fingerprint);
  void forget(const AccountId& account, const std::vector<Fingerprint>& fingerprints);

  // A record was committed at `position`; the fingerprints are those of its events, in order. In commit order, on the
  // committer's thread (or before any thread runs).
  void publish(const AccountId& account, const std::vector<Share>& shares, const std::vector<Fingerprint>& fingerprints,
               UtcTime arrived_at, Position position);

  std::optional<EventPlace> place(const AccountId& account, const Fingerprint& fingerprint) const;

  // What a report reads: rows, what is missing in them, and the position that both together include (nothing: what the
  // rows include).
  struct View {
    std::shared_ptr<const Rows> rows;
    struct DaySeries {
      std::int32_t day;
      RollupDims dims;
      RollupValue value;
    };
    std::vector<DaySeries> series;
    std::optional<Position> as_of;
  };
  Result<View> view(const AccountId& account, const ReadPlan& reads) const;

  // Nothing of the account is kept here.
  bool is_settled(const AccountId& account) const {
    return behind_.look(account, [](const auto* kept) { return kept == nullptr; });
  }

  void tick() { behind_.tick(); }
  void write_all() { behind_.write_all(); }
  std::optional<Position> oldest() const { return behind_.oldest(); }
  Position last_published() const noexcept { return behind_.last_published(); }
  std::uint64_t unwritten_events() const noexcept { return behind_.unwritten(); }

 private:
  struct Seen {
    Fingerprint fingerprint;
    std::int64_t arrived_ms = 0;
    EventPlace place;
  };
  using DayRow = std::unordered_map<std::string, RollupValue>;  // by encoded dims
  using Series = DayRow::value_type;
  using DayRows = std::map<std::int32_t, DayRow>;
  struct Unwritten {
    Position first = 0;
    Position through = 0;
    DayRows days;
    std::vector<Seen> seen;

    bool empty() const noexcept { return days.empty(); }
    std::size_t size() const noexcept { return seen.size(); }
    void add(const Share& share);
    void append(Unwritten later);
  };
  struct FingerprintHash {
    using is_avalanching = void;
    std::size_t operator()(const Fingerprint& f) const noexcept { return f[0]; }
  };
  struct Stripe {
    mutable std::mutex mutex;
    boost::unordered_flat_set<Fingerprint, FingerprintHash> recent;
  };
  Stripe& stripe_of(const AccountId& account) const;
  static void write_rows(AccountTx& tx, const Unwritten& unwritten);
  static Result<void> collect(const DayRows& days, const ReadPlan& reads, View& view);

  const Store& store_;
  mutable std::array<Stripe, 16> stripes_;
  WriteBehind<Unwritten> behind_;
};

}  // namespace tally::storage
