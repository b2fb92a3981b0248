// What GET /metrics answers: the counters that the rooms keep, as Prometheus reads them.
#pragma once

#include <string>

#include "core/clock.h"
#include "http/request_stats.h"
#include "http/server.h"
#include "queue/jobs.h"
#include "queue/scheduler.h"
#include "storage/account_writer.h"
#include "storage/ledgers.h"
#include "storage/meter.h"
#include "storage/store.h"
#include "webhook/dispatcher.h"

namespace tally::tools {

// Where the figures come from.
struct MetricsSources {
  const http::RequestStats& requests;
  http::ServerStats server;
  const queue::Scheduler& scheduler;
  const queue::Jobs& jobs;
  const storage::AccountWriter& writer;
  const storage::Ledgers& ledgers;
  const storage::Meter& meter;
  const storage::Store& store;
  webhook::DispatcherCounters deliveries;
  UtcTime started_at;
  UtcTime now;
};

inline constexpr const char* metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

// Every family has its HELP and TYPE whether or not it has a sample. Takes no lock that a request waits for longer than
// a look at the queue's lanes.
std::string metrics_text(const MetricsSources& sources);

}  // namespace tally::tools
