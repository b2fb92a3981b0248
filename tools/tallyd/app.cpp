#include "tools/tallyd/app.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "http/answers.h"
#include "http/api_docs.h"
#include "http/credentials.h"
#include "http/customer/account.h"
#include "http/customer/ledger.h"
#include "http/customer/reports.h"
#include "http/customer/usage.h"
#include "http/customer/webhooks.h"
#include "http/dialects/insideview.h"
#include "http/dialects/narakeet.h"
#include "http/dialects/nyne.h"
#include "http/dialects/rich_wire.h"
#include "http/dialects/yebto.h"
#include "http/idempotency.h"
#include "http/job_streams.h"
#include "http/operator/accounts.h"
#include "http/operator/authorize.h"
#include "http/operator/deliveries.h"
#include "http/operator/events.h"
#include "http/operator/guard.h"
#include "http/operator/holds.h"
#include "http/operator/ledger.h"
#include "http/operator/prices.h"
#include "http/operator/reports.h"
#include "http/operator/schedules.h"
#include "http/problem.h"
#include "http/request_stats.h"
#include "http/router.h"
#include "http/server.h"
#include "http/wait.h"
#include "queue/jobs.h"
#include "queue/runner.h"
#include "queue/scheduled_reports.h"
#include "queue/worker_pool.h"
#include "storage/account_writer.h"
#include "storage/directory.h"
#include "storage/meter.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/schedules.h"
#include "tools/tallyd/embedded.h"
#include "tools/tallyd/login_desk.h"
#include "tools/tallyd/metrics.h"
#include "tools/tallyd/outgoing.h"
#include "tools/tallyd/secret_file.h"
#include "webhook/dispatcher_driver.h"
#include "webhook/signature.h"

namespace tally::tools {

namespace {

constexpr int exit_doubtful_store = 70;  // EX_SOFTWARE
constexpr std::int64_t meter_tick_ms = 100;
constexpr std::int64_t ledgers_tick_ms = 100;
constexpr std::int64_t limits_tick_ms = 2'000;
constexpr std::int64_t runner_tick_ms = 200;
constexpr std::int64_t schedules_tick_ms = 1'000;
constexpr std::int64_t retention_tick_ms = 10 * minute_ms;
constexpr std::size_t dropped_at_once_max = 10'000;
constexpr std::size_t webhook_log_rows_at_once_max = 100'000;
constexpr std::string_view events_path = "/operator/v1/events";

// Errors that no handler sees speak the dialect of their path.
http::Response error_body(int status, std::string_view code, const http::Request& request) {
  const std::string_view path = request.path;
  const std::string_view phrase = http::reason_phrase(status);
  if (path == "/usage") return http::Nyne::error(status, code, phrase);
  if (path == "/account/credits") return http::Narakeet::error(status, phrase);
  if (path.starts_with("/v1/credits/")) return http::Yebto::error(status, phrase);
  if (path.starts_with("/auth/")) return http::rich_error(status, code, phrase);
  if (path.starts_with("/Auth/") || path.starts_with("/api/v1/"))
    return http::InsideView::error(request, {status, 101, std::string(phrase)});
  return http::problem(status, code, "");
}

}  // namespace

// In the order of dependence: what stands later uses what stands earlier, and is taken down first.
struct App::Parts {
  Config config;
  Clock& clock;
  Random& random;
  Log& log;
  std::atomic<bool> draining{false};

  std::unique_ptr<storage::RocksStore> store;
  std::unique_ptr<storage::AccountWriter> writer;
  std::unique_ptr<storage::Directory> directory;
  std::unique_ptr<storage::Logins> logins;
  std::unique_ptr<storage::CallLimits> limits;
  std::unique_ptr<storage::Ledgers> ledgers;
  std::unique_ptr<storage::Meter> meter;

  std::unique_ptr<Outgoing> outgoing;
  storage::Schedules schedules;

  std::unique_ptr<queue::Scheduler> scheduler;
  std::unique_ptr<queue::WorkerPool> pool;
  std::unique_ptr<queue::WorkerPool> batch_pool;  // reports over many accounts, which nobody waits for
  std::unique_ptr<queue::Jobs> jobs;
  std::unique_ptr<queue::Runner> runner;
  std::unique_ptr<queue::ScheduledReports> scheduled_reports;

  std::unique_ptr<http::Credentials> credentials;
  std::unique_ptr<http::Waiter> waiter;
  std::unique_ptr<http::JobStreams> job_streams;
  std::unique_ptr<http::Idempotency> idempotency;
  std::unique_ptr<LoginDesk> login_desk;
  std::unique_ptr<http::OperatorGuard> guard;
  std::unique_ptr<http::OperatorAccounts> operator_accounts;
  std::unique_ptr<http::OperatorAuthorize> operator_authorize;
  std::unique_ptr<http::OperatorPrices> operator_prices;
  std::unique_ptr<http::OperatorEvents> operator_events;
  std::unique_ptr<http::OperatorDeliveries> operator_deliveries;
  std::unique_ptr<http::OperatorSchedules> operator_schedules;
  std::unique_ptr<http::OperatorLedger> operator_ledger;
  std::unique_ptr<http::OperatorHolds> operator_holds;
  std::unique_ptr<http::OperatorReports> operator_reports;
  std::unique_ptr<http::CustomerAccount> customer_account;
  std::unique_ptr<http::CustomerLedger> customer_ledger;
  std::unique_ptr<http::CustomerUsage> customer_usage;
  std::unique_ptr<http::CustomerReports> customer_reports;
  std::unique_ptr<http::CustomerWebhooks> customer_webhooks;
  std::unique_ptr<http::Nyne> nyne;
  std::unique_ptr<http::Narakeet> narakeet;
  std::unique_ptr<http::InsideView> insideview;
  std::unique_ptr<http::Yebto> yebto;
  http::ApiDocs docs;
  http::Router router{error_body};
  std::unique_ptr<http::RequestStats> request_stats;
  std::unique_ptr<http::Server> server;
  const UtcTime started_at = clock.now();

  Parts(const Config& c, Clock& k, Random& r, Log& l) : config(c), clock(k), random(r), log(l) {}
  // A start that failed half way may have posted commands that speak of the parts below the writer.
  ~Parts() {
    if (writer) writer->stop();
  }

  void log_answer(const http::Answered& answered);
  void log_job(const Job& job);
  void log_delivery(const Delivery& delivery, const AttemptOutcome& outcome);
  Result<void> open_storage();
  Result<void> make_webhooks();
  void make_queue();
  Result<void> make_handlers();
  Result<void> open_server();

  const http::ReportKind& kind_of(Dialect dialect) const { return dialect == Dialect::nyne ? nyne_kind : own_kind; }
  http::ReportKind own_kind;
  http::ReportKind nyne_kind;
};

void App::Parts::log_answer(const http::Answered& answered) {
  log.info("http.request", {{"request_id", std::string(answered.request_id)},
                            {"method", std::string(answered.method)},
                            {"path", std::string(answered.path)},
                            {"status", answered.status},
                            {"body_bytes", static_cast<std::int64_t>(answered.body_bytes)},
                            {"took_us", answered.took_ns / 1'000}});
}

void App::Parts::log_job(const Job& job) {
  log.info("job.finished", {{"request_id", job.http_request_id},
                            {"job", job.id.str()},
                            {"account", job.account.str()},
                            {"status", std::string(to_string(job.status))},
                            {"error", job.error_code},
                            {"attempts", std::int64_t{job.attempts}},
                            {"took_ms", job.finished_at.ms() - job.created_at.ms()}});
}

void App::Parts::log_delivery(const Delivery& delivery, const AttemptOutcome& outcome) {
  log.info("delivery.attempt", {{"request_id", delivery.http_request_id},
                                {"delivery", delivery.id.str()},
                                {"job", delivery.request.str()},
                                {"account", delivery.account.str()},
                                {"type", delivery.event},
                                {"attempt", std::int64_t{delivery.attempts}},
                                {"response", outcome.status},
                                {"error", outcome.error},
                                {"status", std::string(to_string(delivery.status))}});
}

Result<void> App::Parts::open_storage() {
  storage::RocksOptions options;
  options.disk_reserve_bytes = config.limits.disk_reserve_bytes;
  auto opened = storage::RocksStore::open(config.data, clock, std::move(options));
  if (!opened) return opened.error();
  store = std::move(*opened);
  storage::WriterOptions writer_options;
  writer_options.shards = config.shards;
  writer = std::make_unique<storage::AccountWriter>(*store, writer_options, [this](const Error& error) {
    // What the disk holds is unknown now; only a new start, which reads it again, can tell. Nothing more is
    // acknowledged.
    log.error("store.commit_doubtful", {{"detail", error.detail}});
    ::_exit(exit_doubtful_store);
  });
  directory =
      std::make_unique<storage::Directory>(*store, *writer, storage::DirectoryOptions{}, [this](const Error& error) {
        // Whoever asked would take it that there is no such account or key.
        log.error("store.unreadable", {{"detail", error.detail}});
        ::_exit(exit_doubtful_store);
      });
  logins = std::make_unique<storage::Logins>(*store);
  limits = std::make_unique<storage::CallLimits>(*store, *writer, clock);
  ledgers = std::make_unique<storage::Ledgers>(*store, *writer, clock,
                                               [this](const AccountId& id) { return directory->account(id); });
  meter = std::make_unique<storage::Meter>(
      *store, *writer, clock, *ledgers, [this] { return directory->prices(); }, storage::WriteBehindOptions{});
  if (auto loaded = directory->load(); !loaded) return loaded;
  if (auto loaded = logins->load(); !loaded) return loaded;
  if (auto recovered = limits->recover(); !recovered) return recovered;
  if (auto recovered = ledgers->recover(); !recovered) return recovered;
  if (auto loaded = schedules.load(*store); !loaded) return loaded;
  return meter->recover(random);
}

Result<void> App::Parts::make_webhooks() {
  Outgoing::Parts parts{*store, *writer, *directory, *ledgers, clock, random};
  if (config.log_requests) {
    parts.on_recorded = [this](const Delivery& delivery, const AttemptOutcome& outcome) {
      log_delivery(delivery, outcome);
    };
  }
  auto opened = Outgoing::open(config, parts);
  if (!opened) return opened.error();
  outgoing = std::move(*opened);
  return {};
}

void App::Parts::make_queue() {
  scheduler = std::make_unique<queue::Scheduler>(
      queue::SchedulerLimits{config.limits.queued_jobs_per_account, config.limits.queued_jobs});
  pool = std::make_unique<queue::WorkerPool>(config.workers);
  batch_pool = std::make_unique<queue::WorkerPool>(1);
  queue::JobHooks hooks;
  hooks.callback_body = [this](const Job& job, std::string_view result) {
    return kind_of(job.dialect).render(job, result);
  };
  hooks.delivery_ready = [this](const AccountId& account, const DeliveryId& id) {
    outgoing->dispatcher().offer(account, id);
  };
  hooks.on_change = [this](const Job& job) {
    if (job_streams) job_streams->changed(job);
    if (config.log_requests && job.finished()) log_job(job);
  };
  hooks.on_outcome = [this](storage::AccountTx& tx, const Job& job) { outgoing->outbox().report_finished(tx, job); };
  jobs = std::make_unique<queue::Jobs>(*store, *writer, *scheduler, clock, random, JobRules{}, std::move(hooks));
  const auto work = [this](const Job& job, queue::JobContext& context) -> Result<std::string> {
    auto result = kind_of(job.dialect).compute(job, context);
    if (job.dialect != Dialect::own && result && result->size() > config.reports.result_bytes_max) {
      return fail(Errc::too_large, "the result is larger than this server keeps", "result_too_large");
    }
    return result;
  };
  runner = std::make_unique<queue::Runner>(*jobs, *scheduler, clock, work, pool->executor(), queue::RunnerOptions{},
                                           batch_pool->executor());
  jobs->on_ready([this] { runner->pump(); });
  scheduled_reports = std::make_unique<queue::ScheduledReports>(schedules, *writer, *jobs, clock, http::scheduled_job);
}

Result<void> App::Parts::make_handlers() {
  const std::string folder = config.data + "/";
  auto hash_key = read_or_make_secret_file(folder + "credential.key", [this] { return random.hex(32); });
  if (!hash_key) return hash_key.error();
  Result<std::string> token = config.operator_token;
  if (token->empty() && !config.operator_token_file.empty()) token = read_secret_file(config.operator_token_file);
  if (token && token->empty()) {
    token = read_or_make_secret_file(folder + "operator.token", [this] { return "opr_" + random.hex(24); });
  }
  if (!token) return token.error();

  const auto make_secret = [this] { return webhook::make_secret(random); };
  const auto callback_policy = [this](std::string_view url) { return outgoing->check_callback(url); };
  credentials =
      std::make_unique<http::Credentials>(*directory, *limits, clock, random, *hash_key, config.trusted_proxies);
  waiter = std::make_unique<http::Waiter>(*jobs, [this]() -> http::Loop& { return server->loop(); });
  job_streams = std::make_unique<http::JobStreams>(
      [this](const AccountId& account, const RequestId& id) { return jobs->find(account, id); },
      [this]() -> http::Loop& { return server->loop(); });
  idempotency = std::make_unique<http::Idempotency>(*store, *writer, *credentials, clock);
  auto desk = LoginDesk::open(config, *hash_key,
                              {*directory, *logins, *writer, *ledgers, *meter, *idempotency, *credentials, clock,
                               random, log, pool->executor(), make_secret});
  if (!desk) return desk.error();
  login_desk = std::move(*desk);
  guard = std::make_unique<http::OperatorGuard>(*credentials, *token, config.operator_listen.has_value());
  operator_accounts = std::make_unique<http::OperatorAccounts>(
      *directory, *ledgers, *logins, *idempotency, *credentials, login_desk->passwords(), clock, random, make_secret);
  operator_prices = std::make_unique<http::OperatorPrices>(*directory, *idempotency, clock);
  operator_events =
      std::make_unique<http::OperatorEvents>(*meter, *ledgers, *directory, *idempotency, clock, pool->executor());
  operator_ledger =
      std::make_unique<http::OperatorLedger>(*ledgers, *directory, *idempotency, config.payments.enabled());
  operator_holds = std::make_unique<http::OperatorHolds>(*ledgers, *meter, *directory, *idempotency, clock);
  operator_authorize =
      std::make_unique<http::OperatorAuthorize>(*credentials, *limits, *directory, *ledgers, *idempotency, clock);
  operator_deliveries = std::make_unique<http::OperatorDeliveries>(outgoing->operator_desk(), *idempotency);
  operator_schedules =
      std::make_unique<http::OperatorSchedules>(schedules, *directory, *idempotency, clock, random, callback_policy);
  customer_account =
      std::make_unique<http::CustomerAccount>(*credentials, *directory, *idempotency, clock, make_secret);
  customer_ledger = std::make_unique<http::CustomerLedger>(*credentials, *ledgers, *directory);
  customer_usage = std::make_unique<http::CustomerUsage>(*credentials, *meter, *directory, clock, pool->executor());
  customer_reports = std::make_unique<http::CustomerReports>(
      *credentials, *idempotency, *jobs, http::ReportSources{*store, *meter, *ledgers, *directory},
      http::ReportLimits{config.reports.result_bytes_max, config.reports.operator_result_bytes_max}, *waiter,
      *job_streams, clock, callback_policy, pool->executor());
  operator_reports = std::make_unique<http::OperatorReports>(*idempotency, *jobs, *directory, *waiter, *job_streams,
                                                             clock, callback_policy, pool->executor());
  customer_webhooks = std::make_unique<http::CustomerWebhooks>(*credentials, outgoing->webhooks(), *idempotency, clock,
                                                               random, outgoing->customer_desk());
  nyne = std::make_unique<http::Nyne>(*credentials, *jobs, *meter, *directory, *ledgers, *waiter, clock,
                                      callback_policy, config.nyne.envelope);
  narakeet = std::make_unique<http::Narakeet>(*credentials, *ledgers, config.narakeet.micros_per_credit);
  const http::InsideViewRules rules{
      {config.insideview.requests_per_window, config.insideview.window_seconds * second_ms},
      config.insideview.token_ttl_seconds * second_ms};
  insideview =
      std::make_unique<http::InsideView>(*credentials, *meter, *ledgers, *jobs, clock, pool->executor(), rules);
  credentials->set_access_token_reader(
      [this](std::string_view presented, UtcTime now) { return insideview->key_of_token(presented, now); });
  yebto = std::make_unique<http::Yebto>(*credentials, *meter, *ledgers, *directory, clock, random);
  own_kind = customer_reports->kind();
  nyne_kind = nyne->kind();

  operator_accounts->add_to(router, *guard);
  operator_authorize->add_to(router, *guard);
  operator_prices->add_to(router, *guard);
  operator_events->add_to(router, *guard);
  operator_deliveries->add_to(router, *guard);
  operator_schedules->add_to(router, *guard);
  operator_ledger->add_to(router, *guard);
  operator_holds->add_to(router, *guard);
  operator_reports->add_to(router, *guard);
  customer_account->add_to(router);
  customer_ledger->add_to(router);
  customer_usage->add_to(router);
  customer_reports->add_to(router);
  customer_webhooks->add_to(router);
  nyne->add_to(router);
  narakeet->add_to(router);
  insideview->add_to(router);
  yebto->add_to(router);
  for (const EmbeddedFile& file : embedded_files()) docs.add(file.name, file.bytes);
  docs.add_to(router);
  login_desk->add_to(router);
  router.add("GET", "/healthz",
             [](http::Request&&, const http::Reply& reply) { reply(http::json_response(200, R"({"status":"ok"})")); });
  router.add("GET", "/readyz", [this](http::Request&&, const http::Reply& reply) {
    const bool ready = store->writable() && !draining;
    reply(ready ? http::json_response(200, R"({"status":"ready"})")
                : http::problem(503, "not_ready", "cannot commit now"));
  });
  router.add("GET", "/metrics", guard->open_on_own_listener([this](http::Request&&, const http::Reply& reply) {
    http::Response response;
    response.content_type = metrics_content_type;
    response.body = metrics_text({*request_stats, server->stats(), *scheduler, *jobs, *writer, *ledgers, *meter, *store,
                                  outgoing->dispatcher().counters(), started_at, clock.now()});
    reply(std::move(response));
  }));
  request_stats = std::make_unique<http::RequestStats>(router.patterns());
  return {};
}

Result<void> App::Parts::open_server() {
  http::ServerSettings settings;
  settings.listeners.push_back({config.listen, false});
  if (config.operator_listen) settings.listeners.push_back({*config.operator_listen, true});
  settings.threads = config.threads;
  settings.connections_max = config.limits.connections;
  settings.body_bytes_max = config.limits.body_bytes;
  settings.body_limit = [this](const http::Request& head) {
    return head.path == events_path && head.method == "POST" ? config.limits.events_body_bytes
                                                             : config.limits.body_bytes;
  };
  settings.tls_cert = config.tls_cert;
  settings.tls_key = config.tls_key;
  settings.error_body = error_body;
  settings.drain_on_signals = true;
  settings.on_drain = [this] {
    draining = true;
    waiter->stop();
    job_streams->stop();
    log.info("server.draining");
  };
  settings.on_exception = [this](const std::string& what) { log.error("handler.exception", {{"what", what}}); };
  settings.on_answer = [this](const http::Answered& answered) {
    request_stats->count(answered.route, answered.status, answered.took_ns);
    if (config.log_requests) log_answer(answered);
  };
  auto opened = http::Server::open(std::move(settings), clock, random);
  if (!opened) return opened.error();
  server = std::move(*opened);
  return {};
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() = default;

Result<std::unique_ptr<App>> App::open(const Config& config, Clock& clock, Random& random, Log& log) {
  auto parts = std::make_unique<Parts>(config, clock, random, log);
  std::error_code made;
  std::filesystem::create_directories(config.data, made);
  if (made) return fail(Errc::invalid_argument, config.data + ": cannot be made: " + made.message());
  if (auto opened = parts->open_storage(); !opened) return opened.error();
  if (auto joined = parts->make_webhooks(); !joined) return joined.error();
  parts->make_queue();
  if (auto joined = parts->make_handlers(); !joined) return joined.error();
  if (auto opened = parts->open_server(); !opened) return opened.error();
  if (auto recovered = parts->jobs->recover(); !recovered) return recovered.error();
  return std::unique_ptr<App>(new App(std::move(parts)));
}

std::vector<std::pair<std::string, std::string>> App::routes() const {
  return parts_->router.routes();
}

void App::run() {
  Parts& p = *parts_;
  p.pool->every(meter_tick_ms, [&p] { p.meter->tick(); });
  p.pool->every(ledgers_tick_ms, [&p] { p.ledgers->tick(); });
  p.pool->every(limits_tick_ms, [&p] { p.limits->tick(); });
  p.pool->every(runner_tick_ms, [&p] { p.runner->tick(); });
  p.pool->every(schedules_tick_ms, [&p] { p.scheduled_reports->tick(); });
  p.pool->every(retention_tick_ms, [&p] {
    const auto dropped =
        p.jobs->drop_old(p.clock.now() - p.config.reports.retention_days * day_ms, dropped_at_once_max);
    if (!dropped) p.log.error("reports.retention_failed", {{"detail", dropped.error().detail}});
    const auto old = p.outgoing->outbox().drop_old(p.clock.now() - p.config.reports.retention_days * day_ms,
                                                   webhook_log_rows_at_once_max);
    if (!old) p.log.error("webhooks.retention_failed", {{"detail", old.error().detail}});
  });
  {
    const webhook::DispatcherDriver driver(p.outgoing->dispatcher(), p.clock);
    p.runner->tick();
    p.log.info("server.listening", {{"address", p.config.listen.host},
                                    {"port", p.server->port(0)},
                                    {"operator_port", p.server->port(p.config.operator_listen ? 1 : 0)},
                                    {"data", p.config.data},
                                    {"pid", ::getpid()}});
    p.server->run(
        [&p](http::Request&& request, const http::Reply& reply) { p.router.route(std::move(request), reply); });
    p.scheduled_reports->stop();
    p.runner->stop();
  }
  p.batch_pool->stop();
  p.pool->stop();
  p.limits->flush_all();
  p.meter->flush_all();
  p.ledgers->flush_all();
  p.writer->stop();
  if (auto synced = p.store->sync(); !synced) p.log.error("store.sync_failed", {{"detail", synced.error().detail}});
  p.log.info("server.stopped");
}

}  // namespace tally::tools
