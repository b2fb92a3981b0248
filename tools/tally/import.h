// `tally import`: a log becomes usage events, in constant memory but for what LineIds keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/tally/event_maker.h"
#include "tools/tally/event_sender.h"
#include "tools/tally/line_reader.h"
#include "tools/tally/session.h"

namespace tally::tools {

struct ImportOptions {
  std::optional<LogFormat> format;  // none: the first line tells
  EventRules events;                // its format is set from the above
  SendRules send;
  std::size_t batch_lines = 1000;
  std::size_t bad_shown = 10;  // bad lines and rejected events to show, of each
  bool dry_run = false;        // the events go to `out` as NDJSON instead, and nothing is asked of a server
  bool strict = false;         // bad lines make the exit code `incomplete`, as rejected events do
};

struct ImportSummary {
  std::uint64_t lines = 0;    // not empty
  std::uint64_t skipped = 0;  // by a rule
  std::uint64_t bad = 0;
  std::vector<Complaint> bad_lines;  // the first few
  SendTotals sent;
  double seconds = 0;
};

// Reads `log` to its end and reports; the exit code. Before anything is read the server is asked once whether it
// answers and takes the token. When it fails for good midway, the summary says how far it came: running the same import
// again finishes it.
int import_log(Session& session, const ImportOptions& options, ByteSource log,
               std::optional<std::uint64_t> total_bytes);

}  // namespace tally::tools
