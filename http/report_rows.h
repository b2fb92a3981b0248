// One account's rows of a report: what the stores know, told as cells.
#pragma once

#include <cstdint>
#include <functional>

#include "core/report_progress.h"
#include "http/report_table.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"

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

  AccountRows(const ReportSources& sources, const ReportTask& task, bool by_operator)
      : sources_(sources), task_(task), by_operator_(by_operator) {}

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
  // The account's usage in the whole range, by these names.
  Result<Report> usage_by(const AccountId& account, std::vector<GroupBy> names) const;

  const ReportSources& sources_;
  const ReportTask& task_;
  bool by_operator_;
  TableRow row_;
};

}  // namespace tally::http
