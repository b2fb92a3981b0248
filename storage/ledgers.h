// The accounts' ledgers as they are stored: every change is decided by core/ledger.h and committed whole, as a journal
// record; its rows follow (storage/ledger_tail.h).
//
// The states of recently used accounts are kept in memory, ahead of the disk by what is on its way there. That is safe
// because a command that changed a state is always written, and a commit whose outcome is unknown ends the process.
// Besides, for each account for which time alone ever had something to change, 30 to 60 bytes and its id.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/account.h"
#include "core/clock.h"
#include "core/entry_figures.h"
#include "core/ledger.h"
#include "storage/due_accounts.h"
#include "storage/ledger_stats.h"
#include "storage/ledger_tail.h"
#include "storage/writer.h"

namespace tally::storage {

struct LedgersOptions {
  std::size_t cached_accounts_max = 65'536;  // about 500 bytes each; those in use are kept beyond it
  std::size_t due_at_once_max = 1'000;       // accounts that one tick brings up to date
  WriteBehindOptions tail{};
};

// Thread-safe.
class Ledgers {
 public:
  using Accounts = std::function<std::shared_ptr<const Account>(const AccountId&)>;
  // Writes what follows from a change besides the ledger (notices, reload requests), in the same commit. Must not fail.
  using Outbox = std::function<void(AccountTx&, const LedgerChanges&)>;
  // Decides by calling the ledger; what it refuses is for the caller to remember.
  using Work = std::function<void(Ledger&)>;

  using EntryVisitor = std::function<bool(const LedgerEntry&)>;
  using FiguresVisitor = std::function<bool(const EntryFigures&)>;

  // `accounts` gives the account as it is now, on any thread; an unknown one has no terms.
  Ledgers(Store& store, Writer& writer, const Clock& clock, Accounts accounts, LedgersOptions options = {});
  ~Ledgers();
  void set_outbox(Outbox outbox);

  // Reads the journal's tail, and when time alone changes something, for every account; call once, first. Errc::corrupt
  // names the record.
  Result<void> recover();

  // Within a command: brings the ledger up to date, lets `work` decide, and writes. An error means that nothing was
  // decided or written (Errc::exhausted, Errc::corrupt). After success the command must succeed too, so call it last.
  Result<void> change(AccountTx& tx, const Work& work);
  // The same in the command that changes what the account's ledger_terms() say, to `terms`; all changes of them must go
  // this way. Until then is decided by the old ones.
  Result<void> change_terms(AccountTx& tx, const LedgerTerms& terms, const Work& work);
  // The same as a command of its own, synced.
  void post(const AccountId& account, Work work, Done done);

  // The account's state, without its holds, as of all that is committed and due now. `then` is called at once or on the
  // committer's thread.
  void read(const AccountId& account, std::function<void(Result<LedgerState>)> then);

  // The state without its holds, from rows with all that there is (storage/settled_rows.h).
  static Result<LedgerState> state_in(const Rows& settled, const AccountId& account);

  // Waits until what is due now for these accounts is committed. Not for the committer's thread.
  Result<void> bring_up_to_date(std::span<const AccountId> accounts);

  // Within a command: a hold as the commands before left it.
  Result<Hold> hold_in(AccountTx& tx, std::uint64_t number) const;

  // What is committed.
  Result<Lot> lot(const AccountId& account, std::uint64_t number) const;
  // From `from` on in order of their numbers; at most `limit`.
  Result<std::vector<Lot>> lots(const AccountId& account, std::uint64_t from, std::size_t limit) const;
  Result<Hold> hold(const AccountId& account, std::uint64_t number) const;
  // The open ones from `from` on in order of their numbers; at most `limit`.
  Result<std::vector<Hold>> open_holds(const AccountId& account, std::uint64_t from, std::size_t limit) const;
  Result<LedgerEntry> entry(const AccountId& account, std::uint64_t seq) const;
  // From `from` on; return false to stop.
  Result<void> scan_entries(const AccountId& account, std::uint64_t from, const EntryVisitor& visit) const;
  // The same, of each entry only what it did. `settled`: rows with all that there is (storage/settled_rows.h), or null.
  Result<void> scan_figures(const AccountId& account, std::uint64_t from, const FiguresVisitor& visit,
                            const Rows* settled = nullptr) const;
  // Those before `before` (0: from the newest), the newest first; return false to stop.
  Result<void> scan_entries_back(const AccountId& account, std::uint64_t before, const EntryVisitor& visit) const;

  // Brings accounts up to date for which something is due, and writes rows behind; call every 100 ms or so.
  void tick();
  // Posts writes for all rows that are behind; after the writer's stop nothing is left for recover() to do.
  void flush_all() { tail_.write_all(); }
  const LedgerTail& tail() const noexcept { return tail_; }
  const LedgerStats& stats() const noexcept { return stats_; }
  // Whose states are in memory.
  std::size_t cached_accounts();

 private:
  struct Cached;
  struct Stripe {
    std::mutex mutex;
    std::unordered_map<AccountId, std::shared_ptr<Cached>> accounts;
    std::deque<AccountId> order;  // of the same, the one that was looked at longest ago first
  };
  Stripe& stripe_of(const AccountId& account) const;
  Result<std::shared_ptr<Cached>> cached(const AccountId& account);
  Result<LedgerState> load(const AccountId& account) const;
  Result<void> replay(const AccountId& account, Position position, std::string_view bytes);
  Result<std::string> committed_state(const AccountId& account) const;
  template <class VisitRow>
  Result<void> scan_entry_rows(const AccountId& account, std::uint64_t from, const Rows* settled,
                               VisitRow visit_row) const;
  void decide(AccountTx& tx, const std::shared_ptr<Cached>& cached, const LedgerTerms& terms, const Work& work);
  void write(AccountTx& tx, const std::shared_ptr<Cached>& cached, const LedgerChanges& changes);
  void set_due(const AccountId& account, std::optional<UtcTime> due_at);

  Store& store_;
  Writer& writer_;
  const Clock& clock_;
  Accounts accounts_;
  LedgersOptions options_;
  Outbox outbox_;
  LedgerTail tail_;
  LedgerStats stats_;
  mutable std::array<Stripe, 16> stripes_;

  std::mutex due_mutex_;
  DueAccounts due_;
};

}  // namespace tally::storage
