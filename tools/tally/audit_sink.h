// Whether ledgers are right: what comes from a source is recomputed and compared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger_audit.h"
#include "tools/tally/ledger_export.h"
#include "tools/tally/ledger_sink.h"

namespace tally::tools {

struct Finding {
  AccountId account;                   // empty: of the source as a whole
  std::optional<std::uint64_t> entry;  // seq of the first wrong entry, if it is one
  std::string what;
};

// Which holds a source gives. What it does not give is taken to agree with the entries.
enum class HoldsGiven : std::uint8_t { none = 1, open, all };

class AuditSink final : public LedgerSink {
 public:
  explicit AuditSink(HoldsGiven holds_given);
  ~AuditSink() override;
  void lot(const AccountId& account, const Lot& lot, Credits remaining) override;
  void entry(const AccountId& account, const LedgerEntry& entry) override;
  void hold(const AccountId& account, const Hold& hold) override;
  void end(const AccountId& account, const AccountFigures& figures) override;
  void unsettled(const AccountId& account) override;
  void wrong(const AccountId& account, std::optional<std::uint64_t> entry, const std::string& what) override;
  void note(const AccountId& account, const std::string& what) override;

  const LedgerCounts& counts() const noexcept { return counts_; }
  // The first of each account, and those of the source.
  const std::vector<Finding>& findings() const noexcept { return findings_; }
  const std::vector<Finding>& notes() const noexcept { return notes_; }
  bool holds_unknown() const noexcept { return holds_unknown_; }

 private:
  struct Running;
  Running& of(const AccountId& account);
  void take(const AccountId& account, const Result<void>& checked);
  LedgerState with_holds(Running& running, const AccountFigures& figures);
  void compare_usage(const Running& running, const Metered& metered);

  LedgerCounts counts_;
  std::vector<Finding> findings_;
  std::vector<Finding> notes_;
  HoldsGiven holds_given_;
  bool holds_unknown_ = false;
  std::unique_ptr<Running> running_;  // the account that is being read
};

}  // namespace tally::tools
