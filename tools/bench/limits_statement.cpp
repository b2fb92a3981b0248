#include "tools/bench/limits_statement.h"

#include <unistd.h>

#include <filesystem>

#include "tools/bench/measure.h"
#include "tools/bench/postgres_cluster.h"
#include "tools/bench/process.h"

namespace tally::tools::bench {

namespace {

class PostgresStatements final : public StatementPeer {
 public:
  explicit PostgresStatements(std::unique_ptr<PostgresCluster> cluster) : cluster_(std::move(cluster)) {}
  std::string name() const override { return "PostgreSQL " + cluster_->version(); }

  void load(const std::string& events_csv) override {
    cluster_->query(
        "CREATE TABLE usage_event (account text NOT NULL, endpoint text NOT NULL, category text NOT NULL, "
        "happened_at timestamp NOT NULL, results bigint NOT NULL, credits numeric(18, 6) NOT NULL)");
    cluster_->query("\\copy usage_event FROM '" + events_csv + "' (FORMAT csv)");
    cluster_->query("VACUUM ANALYZE usage_event");
  }

  Closed close(const TimeRange& month) override {
    Closed closed;
    closed.csv = cluster_->folder() + "/statements.csv";
    const Stopwatch watch;
    cluster_->query(
        "COPY (SELECT account, endpoint, category, count(*), sum(results), sum(credits) FROM usage_event WHERE "
        "happened_at >= '" +
        plain_time(month.from) + "' AND happened_at < '" + plain_time(month.to) +
        "' GROUP BY account, endpoint, category ORDER BY account, endpoint, category) TO '" + closed.csv +
        "' (FORMAT csv)");
    closed.seconds = watch.seconds();
    return closed;
  }

 private:
  std::unique_ptr<PostgresCluster> cluster_;
};

std::string find_node() {
  for (const char* place : {"/usr/local/bin/node", "/usr/bin/node"}) {
    if (::access(place, X_OK) == 0) return place;
  }
  return {};
}

class DuckdbStatements final : public StatementPeer {
 public:
  DuckdbStatements(std::string node, const ScratchDirectory& scratch)
      : node_(std::move(node)),
        database_(scratch / "duckdb.db"),
        csv_(scratch / "duckdb.csv"),
        log_(scratch / "duckdb.log") {}
  std::string name() const override { return "DuckDB"; }

  void load(const std::string& events_csv) override { run({"load", database_, events_csv}); }

  Closed close(const TimeRange& month) override {
    const std::string told = run({"close", database_, csv_, plain_time(month.from), plain_time(month.to)});
    return {std::stod(told), csv_};
  }

 private:
  std::string run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> whole{node_, TALLY_BENCH_DUCKDB "/statement.mjs"};
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    Process process(whole, log_);
    process.wait();
    return read_whole_file(log_);
  }

  std::string node_;
  std::string database_;
  std::string csv_;
  std::string log_;
};

}  // namespace

std::unique_ptr<StatementPeer> postgres_statements(const ScratchDirectory& scratch) {
  auto cluster = PostgresCluster::start(scratch, {});
  if (!cluster) return nullptr;
  return std::make_unique<PostgresStatements>(std::move(cluster));
}

std::unique_ptr<StatementPeer> duckdb_statements(const ScratchDirectory& scratch) {
  const std::string node = find_node();
  if (node.empty() || !std::filesystem::exists(TALLY_BENCH_DUCKDB "/node_modules/@duckdb/node-api")) return nullptr;
  return std::make_unique<DuckdbStatements>(node, scratch);
}

std::string plain_time(UtcTime time) {
  std::string text = time.to_string();
  text[text.find('T')] = ' ';
  text.pop_back();
  return text;
}

}  // namespace tally::tools::bench
