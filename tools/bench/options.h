// What the command line says, and how large a run is.
#pragma once

#include <cstdint>
#include <string>

namespace tally::tools::bench {

struct Options {
  std::string dir;     // scratch directories are made in here; the disk that is measured
  std::string tallyd;  // the server's program
  bool json = false;

  std::uint64_t rounds = 5;
  double seconds = 3;        // of one turn of a side
  double pause_seconds = 2;  // between turns, for what still runs in the background
  std::uint64_t connections = 64;

  std::uint64_t ingest_events = 1'000'000;  // of one turn in batches of 1,000; of 100: a third
  std::uint64_t ingest_connections = 8;
  std::uint64_t report_jobs = 10'000;  // of one turn
  std::uint64_t report_queries = 4'000;
  std::uint64_t events_small = 1'000'000;
  std::uint64_t events_large = 10'000'000;
  std::uint64_t deliveries = 50'000;  // of one turn
  std::uint64_t receivers = 1'000;    // webhook.hanging
  std::uint64_t paced_per_second = 2'000;
  double paced_seconds = 10;
  std::uint64_t polled_jobs = 1'000;
  double store_gb = 1;
  std::uint64_t waiters = 10'000;
  std::uint32_t ledger_accounts = 10'000;
  std::uint32_t statement_accounts = 50'000;
  std::uint32_t statement_endpoints = 50;      // that each of them called
  std::uint64_t statement_events = 1'000'000;  // of the comparison with databases
  std::uint64_t submits_per_second = 200;
  double latency_seconds = 10;

  // Everything tiny: tells that the benches work, not how fast anything is.
  void make_quick() {
    rounds = 1;
    seconds = 0.2;
    pause_seconds = 0;
    connections = 8;
    ingest_events = 3'000;
    ingest_connections = 2;
    report_jobs = 100;
    report_queries = 100;
    events_small = 2'000;
    events_large = 20'000;
    deliveries = 200;
    receivers = 50;
    paced_seconds = 0.5;
    polled_jobs = 20;
    store_gb = 0.002;
    waiters = 50;
    ledger_accounts = 50;
    statement_accounts = 200;
    statement_events = 5'000;
    latency_seconds = 0.5;
  }
};

}  // namespace tally::tools::bench
