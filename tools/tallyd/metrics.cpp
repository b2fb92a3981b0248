#include "tools/tallyd/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <utility>
#include <vector>

#include "tools/tallyd/version.h"

namespace tally::tools {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double per_ns = 1e-9;
constexpr double per_ms = 1e-3;
constexpr double per_micro = 1e-6;

// Families in the order in which they are begun; what is put belongs to the last one.
class Exposition {
 public:
  void begin(MetricType type, std::string name, std::string help) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }

  void put(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (families_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void put(std::uint64_t value, Labels labels = {}) { put(static_cast<double>(value), std::move(labels)); }

  // `unit`: what one of the histogram's values is in the family's unit.
  void put(const Histogram::Snapshot& values, double unit, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_count = values.count;
    metric.histogram.sample_sum = static_cast<double>(values.sum) * unit;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < values.bounds.size(); ++i) {
      below += values.counts[i];
      metric.histogram.bucket.push_back({below, static_cast<double>(values.bounds[i]) * unit});
    }
    metric.histogram.bucket.push_back({values.count, std::numeric_limits<double>::infinity()});
    families_.back().metric.push_back(std::move(metric));
  }

  void counter(std::string name, std::string help) { begin(MetricType::Counter, std::move(name), std::move(help)); }
  void gauge(std::string name, std::string help) { begin(MetricType::Gauge, std::move(name), std::move(help)); }
  void histogram(std::string name, std::string help) { begin(MetricType::Histogram, std::move(name), std::move(help)); }

  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void add_requests(Exposition& out, const MetricsSources& from) {
  const auto routes = from.requests.snapshot();
  const auto labels = [](const http::RequestStats::Route& route) {
    return Labels{{"method", route.method}, {"route", route.pattern.empty() ? "none" : route.pattern}};
  };
  out.counter("tally_http_requests_total", "Answers by route and class of status; route none: no route's answer.");
  for (const auto& route : routes) {
    for (std::size_t group = 0; group < route.by_class.size(); ++group) {
      if (route.by_class[group] == 0) continue;
      Labels all = labels(route);
      all.push_back({"status", group == 0 ? "other" : std::to_string(group) + "xx"});
      out.put(route.by_class[group], std::move(all));
    }
  }
  out.histogram("tally_http_request_duration_seconds",
                "From a request's last byte to its answer, waits that the client asked for included.");
  for (const auto& route : routes) out.put(route.took_ns, per_ns, labels(route));
  out.gauge("tally_http_connections", "Open connections.");
  out.put(from.server.connections_open);
  out.counter("tally_http_connections_accepted_total", "Connections that were accepted.");
  out.put(from.server.connections_accepted);
  out.counter("tally_http_connections_refused_total", "Connections beyond limits.connections.");
  out.put(from.server.connections_refused);
  out.counter("tally_http_requests_refused_total", "Requests that the server refused before any route.");
  out.put(from.server.requests_refused);
  out.counter("tally_http_deadlines_missed_total", "Connections whose header, body, answer or idleness took too long.");
  out.put(from.server.deadlines_missed);
}

void add_jobs(Exposition& out, const MetricsSources& from) {
  const auto queue = from.scheduler.stats();
  out.gauge("tally_queue_jobs", "Unfinished report jobs: ready to run, waiting for a retry, or running.");
  out.put(std::uint64_t{queue.ready}, {{"state", "ready"}});
  out.put(std::uint64_t{queue.delayed}, {{"state", "delayed"}});
  out.put(std::uint64_t{queue.leased}, {{"state", "running"}});
  out.gauge("tally_queue_oldest_job_age_seconds", "Since the longest waiting ready job was submitted; 0 without one.");
  const std::int64_t age_ms = queue.oldest ? from.now.ms() - queue.oldest->ms() : 0;
  out.put(age_ms > 0 ? static_cast<double>(age_ms) * per_ms : 0.0);
  const queue::JobStats& jobs = from.jobs.stats();
  out.counter("tally_jobs_total", "Report jobs that ended, by how.");
  out.put(jobs.completed, {{"outcome", "completed"}});
  out.put(jobs.failed, {{"outcome", "failed"}});
  out.put(jobs.cancelled, {{"outcome", "cancelled"}});
  out.histogram("tally_job_duration_seconds", "From a job's submit to its end, without the cancelled ones.");
  out.put(jobs.took_ms.snapshot(), per_ms);
  out.histogram("tally_job_wait_seconds", "From a job's submit to the start of its last attempt.");
  out.put(jobs.waited_ms.snapshot(), per_ms);
}

void add_storage(Exposition& out, const MetricsSources& from) {
  const auto writer = from.writer.stats();
  out.counter("tally_commits_total", "Group commits.");
  out.put(writer.commits);
  out.counter("tally_commands_total", "Commands on accounts that were run, refused ones included.");
  out.put(writer.commands);
  out.histogram("tally_commit_batch_commands", "Commands that one commit wrote together.");
  out.put(from.writer.batch_sizes(), 1);
  out.gauge("tally_store_size_bytes", "Size of the store on disk.");
  out.put(from.store.size_bytes());
  out.gauge("tally_store_writable", "1; 0 while the disk is nearly full and the server is read-only.");
  out.put(std::uint64_t{from.store.writable()});
  out.gauge("tally_meter_unflushed_events", "Events in the journal whose rollup rows are still to be written.");
  out.put(from.meter.unflushed_events());
}

void add_ledgers(Exposition& out, const MetricsSources& from) {
  using storage::LedgerStats;
  const LedgerStats& stats = from.ledgers.stats();
  out.counter("tally_credits_total", "Credits of all accounts that the ledgers moved, by kind.");
  const auto each_kind = [&](auto value) {
    for (std::size_t i = 0; i < LedgerStats::kinds; ++i) {
      const auto kind = static_cast<LedgerStats::Kind>(i);
      out.put(value(kind), {{"kind", LedgerStats::name_of(kind)}});
    }
  };
  each_kind([&](LedgerStats::Kind kind) { return static_cast<double>(stats.credits_micros(kind)) * per_micro; });
  out.counter("tally_ledger_entries_total", "Ledger entries that were posted, by kind.");
  each_kind([&](LedgerStats::Kind kind) { return stats.entries(kind); });
  out.gauge("tally_holds_open", "Open holds of all accounts.");
  out.put(static_cast<double>(stats.open_holds()));
  out.counter("tally_holds_total", "Holds that were opened, and that ended, by how.");
  out.put(stats.holds(HoldStatus::open), {{"outcome", "opened"}});
  out.put(stats.holds(HoldStatus::settled), {{"outcome", "settled"}});
  out.put(stats.holds(HoldStatus::released), {{"outcome", "released"}});
  out.put(stats.holds(HoldStatus::expired), {{"outcome", "expired"}});
}

void add_deliveries(Exposition& out, const MetricsSources& from) {
  const webhook::DispatcherCounters& counters = from.deliveries;
  out.counter("tally_delivery_attempts_total", "Recorded attempts to deliver, by whether a 2xx came back.");
  out.put(counters.delivered, {{"outcome", "delivered"}});
  out.put(counters.failed, {{"outcome", "failed"}});
  out.counter("tally_deliveries_total", "Deliveries that ended: delivered, or a dead letter.");
  out.put(counters.delivered, {{"outcome", "delivered"}});
  out.put(counters.dead, {{"outcome", "dead"}});
  out.counter("tally_deliveries_unreadable_total", "Deliveries left alone because their stored bytes are corrupt.");
  out.put(counters.broken);
  out.gauge("tally_deliveries_pending", "Deliveries in memory that wait for an attempt or its end.");
  out.put(counters.pending);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void add_process(Exposition& out, const MetricsSources& from) {
  std::uint64_t all_pages = 0;
  std::uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  out.put(resident_pages * page_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  out.put(all_pages * page_bytes);
  out.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  out.put(seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");
  out.put(static_cast<double>(from.started_at.ms()) * per_ms);
  out.gauge("tally_uptime_seconds", "Since the server was opened.");
  out.put(static_cast<double>(from.now.ms() - from.started_at.ms()) * per_ms);
  out.gauge("tally_build_info", "1, with what this program is.");
  out.put(1.0, {{"version", tally_version}});
}

}  // namespace

std::string metrics_text(const MetricsSources& sources) {
  Exposition out;
  add_requests(out, sources);
  add_jobs(out, sources);
  add_storage(out, sources);
  add_ledgers(out, sources);
  add_deliveries(out, sources);
  add_process(out, sources);
  return out.text();
}

}  // namespace tally::tools
