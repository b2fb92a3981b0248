// Where ledgers are read from.
#pragma once

#include <string>
#include <vector>

#include "tools/tally/ledger_sink.h"
#include "tools/tally/session.h"

namespace tally::tools {

// The accounts that are wanted, in order, each once; all that there are if `wanted` is empty.
Outcome<std::vector<AccountId>> accounts_of_server(Session& session, const std::vector<std::string>& wanted);

// Through the operator's API. What changes meanwhile is looked at again until it holds still; sink.unsettled for an
// account that never does. Memory: the lots of one account and one page of its entries.
Outcome<void> read_server(Session& session, const std::vector<AccountId>& accounts, LedgerSink& sink);

// A data directory that no server uses. It is locked while this is open and never changed, except for what every
// opening of the database does.
class LedgerDirectory {
 public:
  // Exit::usage for what is no data directory or is in use, Exit::refused when it is damaged.
  static Outcome<std::unique_ptr<LedgerDirectory>> open(Session& session, const std::string& path);
  ~LedgerDirectory();

  Outcome<std::vector<AccountId>> accounts(const std::vector<std::string>& wanted) const;
  // Rows that cannot be read are told to sink.wrong. Memory: the lots and open holds of one account.
  Outcome<void> read(const std::vector<AccountId>& accounts, LedgerSink& sink) const;

 private:
  struct Parts;
  explicit LedgerDirectory(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tally::tools
