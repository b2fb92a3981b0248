// What others reach at the close of a month: databases that keep the events and add them up when they are asked.
#pragma once

#include <memory>
#include <string>

#include "core/time.h"
#include "tools/bench/scratch.h"

namespace tally::tools::bench {

// Events as lines of account, endpoint, category, time, results and credits.
class StatementPeer {
 public:
  virtual ~StatementPeer() = default;
  virtual std::string name() const = 0;
  virtual void load(const std::string& events_csv) = 0;

  // Writes a CSV of each account's usage in `month` by endpoint and category, in order. Answers how long that took.
  struct Closed {
    double seconds = 0;
    std::string csv;
  };
  virtual Closed close(const TimeRange& month) = 0;
};

// With its default settings and no index, as these statements read every event of the month anyway. Nothing where
// PostgreSQL is not installed.
std::unique_ptr<StatementPeer> postgres_statements(const ScratchDirectory& scratch);
// With its default settings, by node. Nothing before `tools/setup bench`.
std::unique_ptr<StatementPeer> duckdb_statements(const ScratchDirectory& scratch);

// As the databases take it: without the T and the Z.
std::string plain_time(UtcTime time);

}  // namespace tally::tools::bench
