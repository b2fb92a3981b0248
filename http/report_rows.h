// One account's rows of a report: what the stores know, told as cells.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "core/report_progress.h"
#include "http/report_table.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"
#include "storage/settled_rows.h"

namespace tally::http {

struct ReportSources {
  const storage::Store& store;
  const storage::Meter& meter;
  storage::Ledgers& ledgers;
  const storage::Directory& directory;
};

// A row of a usage report; `account` is null unless the rows name theirs.
void set_usage_row(TableRow& row, const Report& report, const ReportRow& figures, const AccountId* account);

// Writes the rows of one account after the other, and counts the totals. Runs on a worker's thread: it may wait for a
// commit.
class AccountRows {
 public:
  using Sink = std::function<Result<void>(const TableRow&)>;

  AccountRows(const ReportSources& sources, const ReportTask& task, bool by_operator);

  // Of the accounts that follow, in this order: reads what is settled of them from one view, which is cheaper. For the
  // operator's reports, whose `as_of` is not the account's.
  Result<void> begin_page(std::span<const AccountId> accounts);

  // Writes on from `progress.entry`. True: the account is finished and counted in the totals; false: `pause` said so
  // between two rows, and `progress.entry` tells where to go on. Only a ledger pauses. `as_of` becomes what the
  // account's figures include, unless the report is the operator's.
  Result<bool> write(const AccountId& account, ReportProgress& progress, const Sink& sink,
                     const std::function<bool()>& pause);

 private:
  Result<void> usage(const AccountId& account, ReportProgress& progress, const Sink& sink);
  Result<bool> ledger(const AccountId& account, ReportProgress& progress, const Sink& sink,
                      const std::function<bool()>& pause);
  Result<void> statement(const AccountId& account, ReportProgress& progress, const Sink& sink);
  Result<void> what_if(const AccountId& account, ReportProgress& progress, const Sink& sink);
  // The account's usage, until the next call.
  Result<const Report*> usage_of(const AccountId& account);
  Result<LedgerFigures> figures_of(const AccountId& account, ReportProgress& progress);
  // Null: the account is to be read by itself.
  const storage::Rows* settled_of(const AccountId& account) const;

  const ReportSources& sources_;
  const ReportTask& task_;
  bool by_operator_;
  ReportRequest usage_request_;
  ReportBuilder usage_;  // of settled rows
  Report busy_usage_;
  std::optional<storage::SettledRows> page_;
  TableRow row_;
};

}  // namespace tally::http
