// The export of ledgers: NDJSON with one valid spelling of each line.
//
//   {"format":"tally-ledger-1","made_at":"…","accounts":N}
//   {"account":"acme","lot":{…}}                       as http/ledger_wire.h writes lots, entries and holds
//   {"account":"acme","entry":{…}}
//   {"account":"acme","hold":{…},"reserved":"…"}       the open ones
//   {"account":"acme","state":{"balance":"…",…,"open_holds":N|null}}
//   {"end":{"accounts":N,"lots":N,"entries":N,"holds":N,"sha256":"…"}}   of all bytes before this line
//
// Accounts are in order of their ids; of each the lots, entries and holds in order of their numbers, then the state.
#pragma once

#include <ostream>

#include "tools/tally/ledger_sink.h"
#include "tools/tally/line_reader.h"
#include "tools/tally/running_digest.h"

namespace tally::tools {

struct LedgerCounts {
  std::uint64_t accounts = 0;
  std::uint64_t lots = 0;
  std::uint64_t entries = 0;
  std::uint64_t holds = 0;
};

class ExportWriter final : public LedgerSink {
 public:
  // Writes the first line; `out` must outlive the writer.
  ExportWriter(std::ostream& out, UtcTime made_at, std::uint64_t accounts);
  void lot(const AccountId& account, const Lot& lot, Credits remaining) override;
  void entry(const AccountId& account, const LedgerEntry& entry) override;
  void hold(const AccountId& account, const Hold& hold) override;  // leaves out those that are not open
  void end(const AccountId& account, const AccountFigures& figures) override;
  void unsettled(const AccountId& account) override;
  // An export must be whole: the first of these is kept.
  void wrong(const AccountId& account, std::optional<std::uint64_t> entry, const std::string& what) override;
  void note(const AccountId&, const std::string&) override {}

  const std::optional<std::string>& first_wrong() const noexcept { return wrong_; }
  const LedgerCounts& counts() const noexcept { return counts_; }
  // The last line.
  void finish();

 private:
  void write(const std::string& line);

  std::ostream& out_;
  RunningDigest digest_;
  LedgerCounts counts_;
  std::optional<std::string> wrong_;
};

// Gives what an export holds to `sink`, and to sink.wrong the first line that is not exactly as ExportWriter writes it,
// or a last line that does not fit. Constant memory. Errc::unavailable when the source cannot be read.
Result<void> read_export(ByteSource source, LedgerSink& sink);

}  // namespace tally::tools
