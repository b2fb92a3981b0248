#include "tools/tally/audit_sink.h"

#include <algorithm>

#include "storage/digest.h"

namespace tally::tools {

struct AuditSink::Running {
  explicit Running(const AccountId& id) : account(id), audit(id, storage::sha256) {}
  AccountId account;
  LedgerAudit audit;
  std::vector<Hold> holds;  // those that the source gives, or its entries imply, if it does not give all
};

AuditSink::AuditSink(HoldsGiven holds_given) : holds_given_(holds_given) {}
AuditSink::~AuditSink() = default;

AuditSink::Running& AuditSink::of(const AccountId& account) {
  if (!running_ || running_->account != account) running_ = std::make_unique<Running>(account);
  return *running_;
}

void AuditSink::take(const AccountId& account, const Result<void>& checked) {
  if (!checked) wrong(account, of(account).audit.first_wrong_entry(), checked.error().detail);
}

void AuditSink::lot(const AccountId& account, const Lot& lot, Credits) {
  ++counts_.lots;
  take(account, of(account).audit.add(lot));
}

void AuditSink::entry(const AccountId& account, const LedgerEntry& entry) {
  ++counts_.entries;
  Running& running = of(account);
  take(account, running.audit.add(entry));
  if (holds_given_ == HoldsGiven::all || entry.hold == 0) return;
  Hold implied;
  implied.number = entry.hold;
  implied.status = HoldStatus::settled;
  implied.entry = entry.seq;
  if (const auto settled = subtract(Credits(), entry.amount)) implied.settled = *settled;
  running.holds.push_back(std::move(implied));
}

void AuditSink::hold(const AccountId& account, const Hold& hold) {
  if (hold.status == HoldStatus::open) ++counts_.holds;
  Running& running = of(account);
  if (holds_given_ == HoldsGiven::all) {
    take(account, running.audit.add(hold));
  } else {
    running.holds.push_back(hold);
  }
}

// The state to hold the rows against, after the holds are among them.
LedgerState AuditSink::with_holds(Running& running, const AccountFigures& figures) {
  LedgerState state = figures.state;
  std::sort(running.holds.begin(), running.holds.end(),
            [](const Hold& a, const Hold& b) { return a.number < b.number; });
  if (holds_given_ != HoldsGiven::all && !figures.open_holds) {
    holds_unknown_ = true;
    Hold implied;
    implied.number = running.holds.empty() ? 1 : running.holds.back().number + 1;
    implied.status = HoldStatus::open;
    implied.credits = implied.reserved = state.reserved;
    state.last_hold = std::max(state.last_hold, implied.number);
    running.holds.push_back(std::move(implied));
  }
  for (const Hold& hold : running.holds) take(running.account, running.audit.add(hold));
  return state;
}

void AuditSink::end(const AccountId& account, const AccountFigures& figures) {
  ++counts_.accounts;
  Running& running = of(account);
  const LedgerState state = with_holds(running, figures);
  take(account, running.audit.finish(state));
  if (figures.metered) compare_usage(running, *figures.metered);
  running_.reset();
}

void AuditSink::unsettled(const AccountId& account) {
  ++counts_.accounts;
  running_.reset();
  note(account, "changes all the time: its entries were checked, its lots and its balance were not");
}

void AuditSink::compare_usage(const Running& running, const Metered& metered) {
  const auto charged = running.audit.charged_for_events();
  if (!charged) return note(running.account, charged.error().detail);
  const auto expected = add(*charged, metered.undebited);
  if (!expected) return note(running.account, expected.error().detail);
  if (metered.credits == *expected) return;
  const std::string figures =
      "usage reports come to " + metered.credits.to_string() + " credits, the entries for usage to " +
      charged->to_string() +
      (metered.undebited == Credits() ? "" : " and usage without a debit to " + metered.undebited.to_string());
  if (metered.undebited_unknown && metered.credits > *expected)
    return note(running.account, figures + ": right if the account was unlimited at times, which --data can tell");
  wrong(running.account, std::nullopt, figures);
}

void AuditSink::wrong(const AccountId& account, std::optional<std::uint64_t> entry, const std::string& what) {
  const bool again = !account.empty() && std::any_of(findings_.rbegin(), findings_.rend(), [&](const Finding& finding) {
    return finding.account == account;
  });
  if (!again) findings_.push_back({account, entry, what});
}

void AuditSink::note(const AccountId& account, const std::string& what) {
  notes_.push_back({account, std::nullopt, what});
}

}  // namespace tally::tools
