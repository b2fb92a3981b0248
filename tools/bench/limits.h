// What others reach on this machine: RocksDB and libcurl used plainly, without what Tally does around them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace tally::tools::bench {

// Threads that put one small row each, synced: RocksDB groups them into shared commits.
class SyncedPuts {
 public:
  SyncedPuts(const std::string& directory, std::size_t threads);
  ~SyncedPuts();
  double puts_per_second(double seconds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Ingest without a design of its own: per event one row put and one Merge into the hour's rollup, a synced commit per
// batch.
class MergePerEvent {
 public:
  MergePerEvent(const std::string& directory, std::int32_t first_day);
  ~MergePerEvent();
  double events_per_second(std::uint64_t events, std::uint64_t batch, std::size_t threads);
  // Σ of the rollups, to see that all were counted.
  std::uint64_t counted() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// POSTs by one libcurl multi loop over reused connections; every answer must be 2xx. The receiver does the counting.
void post_by_curl(const std::string& url, std::uint64_t posts, std::size_t body_bytes, std::size_t concurrency);

}  // namespace tally::tools::bench
