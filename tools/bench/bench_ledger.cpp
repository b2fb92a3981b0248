// The ledger: debits and holds, in process and through HTTP, beside PostgreSQL doing debits; and balances read.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/limits_postgres.h"
#include "tools/bench/local_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t balance_customers = 100;
constexpr std::uint32_t hot = 7;  // the one account of the hot runs
constexpr std::uint64_t under_way_in_process = 4'096;
constexpr const char* granted = "1000000000";

// How many commands are under way; the poster waits while there are too many.
class Window {
 public:
  explicit Window(std::uint64_t most) : most_(most) {}
  void begin() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ < most_; });
    ++open_;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    --open_;
    ++done_;
    changed_.notify_one();
  }
  std::uint64_t wait_for_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
    return done_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::uint64_t most_;
  std::uint64_t open_ = 0;
  std::uint64_t done_ = 0;
};

struct Choice {
  std::uint32_t accounts;
  bool one_hot_account;
  std::uint32_t operator()(std::uint64_t number) const {
    // Neighbouring numbers fall on far accounts.
    return one_hot_account ? hot : static_cast<std::uint32_t>(number * 2'654'435'761U % accounts);
  }
};

class InProcess {
 public:
  InProcess(const std::string& data, std::uint32_t accounts) : local_(data), accounts_(accounts) {
    Window window(under_way_in_process);
    for (std::uint32_t i = 0; i < accounts; ++i) {
      ids_.emplace_back(account_name(i));
      window.begin();
      local_.ledgers().post(
          ids_.back(),
          [](Ledger& ledger) {
            Grant grant;
            grant.amount = Credits::from_micros(1'000'000'000'000'000);
            if (!ledger.grant(grant)) std::abort();
          },
          [&](const Result<void>& done) {
            if (!done) std::abort();
            window.end();
          });
    }
    window.wait_for_all();
  }

  double debits_per_second(double seconds, bool one_hot_account) {
    const Choice choice{accounts_, one_hot_account};
    Window window(under_way_in_process);
    const Stopwatch watch;
    while (watch.seconds() < seconds) {
      for (int i = 0; i < 64; ++i) {
        window.begin();
        Debit debit;
        debit.amount = Credits::from_micros(5);
        debit.endpoint = "search/people";
        debit.event_source = "gateway";
        debit.event_id = std::to_string(next_);
        debit.price_version = 1;
        local_.ledgers().post(
            ids_[choice(next_++)],
            [debit](Ledger& ledger) {
              if (!ledger.debit(debit)) std::abort();
            },
            [&](const Result<void>& done) {
              if (!done) std::abort();
              window.end();
            });
      }
    }
    const std::uint64_t done = window.wait_for_all();
    debited_ += done;
    return static_cast<double>(done) / watch.seconds();
  }

  // A hold, and when it is durable its settlement: two commits, one pair.
  double pairs_per_second(double seconds, bool one_hot_account) {
    const Choice choice{accounts_, one_hot_account};
    Window window(under_way_in_process);
    const Stopwatch watch;
    while (watch.seconds() < seconds) {
      for (int i = 0; i < 64; ++i) {
        window.begin();
        hold_and_settle(ids_[choice(next_++)], window);
      }
    }
    const std::uint64_t done = window.wait_for_all();
    debited_ += done;
    return static_cast<double>(done) / watch.seconds();
  }

  // Every debit was of 5 micros: the balances tell how many there were.
  void check() {
    std::int64_t missing = static_cast<std::int64_t>(accounts_) * 1'000'000'000'000'000;
    for (const AccountId& id : ids_) {
      local_.ledgers().read(id, [&](const Result<LedgerState>& state) { missing -= state->balance.micros(); });
    }
    if (missing != static_cast<std::int64_t>(debited_) * 5) give_up("the balances do not tell what was debited");
  }
  std::uint64_t debited() const noexcept { return debited_; }

 private:
  void hold_and_settle(const AccountId& account, Window& window) {
    auto number = std::make_shared<std::uint64_t>(0);
    local_.ledgers().post(
        account,
        [number](Ledger& ledger) {
          *number = ledger.hold({Credits::from_micros(5), minute_ms, "search", 1})->number;
        },
        [this, &account, &window, number](const Result<void>& held) {
          if (!held) std::abort();
          local_.ledgers().post(
              account,
              [number](Ledger& ledger) {
                Debit debit;
                debit.amount = Credits::from_micros(5);
                if (!ledger.settle(*number, debit)) std::abort();
              },
              [&window](const Result<void>& settled) {
                if (!settled) std::abort();
                window.end();
              });
        });
  }

  LocalStore local_;
  std::uint32_t accounts_;
  std::vector<AccountId> ids_;
  std::uint64_t next_ = 0;
  std::uint64_t debited_ = 0;
};

// Debits through HTTP: usage events of a given cost, one a request.
class OverHttp {
 public:
  OverHttp(const Tallyd& server, std::uint32_t accounts) : server_(server), accounts_(accounts) {}

  double debits_per_second(const Options& options, bool one_hot_account) {
    const Choice choice{accounts_, one_hot_account};
    std::deque<std::string> requests;  // each must live until it is answered
    std::uint64_t done = 0;
    const Stopwatch watch;
    const double seconds = run_closed_loop(
        server_.port(), options.connections,
        [&]() -> std::string_view {
          if (watch.seconds() >= options.seconds) return {};
          return requests.emplace_back(event_request(account_name(choice(next_))));
        },
        [&](int status, std::string_view body) {
          if (status != 200 || integer_member(body, "accepted") != 1) give_up("a debit brought " + std::string(body));
          ++done;
        });
    return static_cast<double>(done) / seconds;
  }

 private:
  std::string event_request(const std::string& account) {
    return render_request("POST", "/operator/v1/events", server_.authorization(),
                          R"({"id":")" + std::to_string(next_++) + R"(","source":"bench","account":")" + account +
                              R"(","endpoint":"search/people","credits":"0.000005"})");
  }

  const Tallyd& server_;
  std::uint32_t accounts_;
  std::uint64_t next_ = 0;
};

// Holds through HTTP, each settled by the connection that made it.
class HoldsOverHttp {
 public:
  HoldsOverHttp(const Tallyd& server, std::uint32_t accounts) : server_(server), accounts_(accounts) {}

  double pairs_per_second(const Options& options, bool one_hot_account) {
    const Choice choice{accounts_, one_hot_account};
    std::vector<std::string> requests(options.connections);
    std::vector<bool> held(options.connections, false);
    std::uint64_t pairs = 0;
    const Stopwatch watch;
    Client* sender = nullptr;
    const auto hold = [&](std::size_t connection) {
      if (watch.seconds() >= options.seconds) return;
      requests[connection] = hold_request(account_name(choice(next_++)));
      sender->send(connection, requests[connection]);
    };
    Client client(server_.port(), options.connections, [&](std::size_t connection, int status, std::string_view body) {
      if (status != (held[connection] ? 200 : 201)) give_up("a hold brought " + std::string(body));
      held[connection] = !held[connection];
      if (held[connection]) {
        requests[connection] = settle_request(std::string(member(body, "id")));
        sender->send(connection, requests[connection]);
      } else {
        ++pairs;
        hold(connection);
      }
    });
    sender = &client;
    for (std::size_t i = 0; i < client.connections(); ++i) hold(i);
    while (client.in_flight() > 0) client.poll(100'000'000);
    return static_cast<double>(pairs) / watch.seconds();
  }

 private:
  std::string hold_request(const std::string& account) const {
    return render_request("POST", "/operator/v1/holds", server_.authorization(),
                          R"({"account":")" + account + R"(","credits":"0.00001"})");
  }
  std::string settle_request(const std::string& hold) const {
    return render_request("POST", "/operator/v1/holds/" + hold + "/settle", server_.authorization(),
                          R"({"credits":"0.000005"})");
  }

  const Tallyd& server_;
  std::uint32_t accounts_;
  std::uint64_t next_ = 0;
};

// Balances read by customers, beside a handler that does nothing.
void measure_balance(const Options& options, Figures& figures, const ScratchDirectory& scratch) {
  const Tallyd server(options, scratch / "balance");
  const std::vector<Customer> customers = create_customers(server, balance_customers);
  grant_credits(server, balance_customers, granted);
  std::vector<std::string> requests;
  for (const Customer& customer : customers) {
    requests.push_back(get_request(customer, "/v1/balance"));
  }
  const std::size_t body_bytes = ask(server.port(), requests.front()).body.size();
  const FixedServer empty(body_bytes, scratch / "empty.log");
  const auto reads = [&](std::uint16_t port, std::string_view mark) {
    std::uint64_t sent = 0;
    const Stopwatch watch;
    const double seconds = run_closed_loop(
        port, options.connections,
        [&]() -> std::string_view {
          return watch.seconds() < options.seconds ? requests[sent++ % requests.size()] : std::string_view();
        },
        [&](int status, std::string_view body) {
          if (status != 200 || body.find(mark) == std::string_view::npos)
            give_up("a balance brought " + std::string(body));
        });
    return static_cast<double>(sent) / seconds;
  };
  const auto turns = alternate(options.rounds, 0,
                               {[&] { return reads(server.port(), "\"available\":\"1000000000\""); },
                                [&] { return reads(empty.port(), "xxx"); }});
  figures.add(
      {"ledger.balance", turns[0], "requests/s", "empty handler", turns[1], Aim{Aim::Sense::at_least, 0.7, true},
       "GET /v1/balance, " + std::to_string(options.connections) + " connections, " +
           std::to_string(balance_customers) + " keys with limits, body of " + std::to_string(body_bytes) + " B"});
}

std::string described(const Options& options, bool one_hot) {
  return one_hot ? "one hot account" : std::to_string(options.ledger_accounts) + " accounts, uniform";
}

void measure_in_process(const Options& options, Figures& figures, const ScratchDirectory& scratch) {
  InProcess in_process(scratch / "local", options.ledger_accounts);
  for (const bool one_hot : {false, true}) {
    const std::string kind = one_hot ? "hot" : "uniform";
    const auto turns = alternate(options.rounds, options.pause_seconds,
                                 {[&] { return in_process.debits_per_second(options.seconds, one_hot); },
                                  [&] { return in_process.pairs_per_second(options.seconds, one_hot); }});
    const std::string conditions = std::to_string(under_way_in_process) + " under way, " + described(options, one_hot);
    figures.add({"ledger.debits." + kind,
                 turns[0],
                 "debits/s",
                 "",
                 {},
                 Aim{Aim::Sense::at_least, 100'000, false},
                 "in process, each durable; " + conditions});
    figures.add({"ledger.holds." + kind,
                 turns[1],
                 "pairs/s",
                 "",
                 {},
                 {},
                 "in process: hold, commit, settle, commit; " + conditions});
  }
  in_process.check();
  figures.checked(std::to_string(in_process.debited()) + " debits are in the balances");
}

void measure_over_http(const Options& options, Figures& figures, const ScratchDirectory& scratch) {
  const auto postgres = PostgresLedger::start(scratch, options.ledger_accounts);
  if (!postgres) figures.checked("no PostgreSQL here, so it is not compared (tools/setup bench installs it)");
  const Tallyd server(options, scratch / "data");
  create_accounts(server, options.ledger_accounts);
  grant_credits(server, options.ledger_accounts, granted);
  OverHttp http(server, options.ledger_accounts);
  HoldsOverHttp holds(server, options.ledger_accounts);
  for (const bool one_hot : {false, true}) {
    std::vector<std::function<double()>> sides{[&] { return http.debits_per_second(options, one_hot); },
                                               [&] { return holds.pairs_per_second(options, one_hot); }};
    if (postgres)
      sides.emplace_back([&] { return postgres->debits_per_second(options.seconds, options.connections, one_hot); });
    const auto turns = alternate(options.rounds, options.pause_seconds, sides);
    const std::string clients = std::to_string(options.connections) + " clients";
    figures.add(
        {std::string("ledger.http.") + (one_hot ? "hot" : "uniform"), turns[0], "debits/s",
         postgres ? "PostgreSQL " + postgres->version() : "", postgres ? turns[2] : std::vector<double>{},
         postgres ? std::optional(Aim{Aim::Sense::at_least, one_hot ? 20.0 : 3.0, true}) : std::nullopt,
         clients + ", one event a request; pgbench with " + clients + ", durable; " + described(options, one_hot)});
    figures.add({std::string("ledger.http_holds.") + (one_hot ? "hot" : "uniform"),
                 turns[1],
                 "pairs/s",
                 "",
                 {},
                 {},
                 clients + ", a hold and its settlement, one request each; " + described(options, one_hot)});
  }
}

}  // namespace

void bench_ledger(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  measure_in_process(options, figures, scratch);
  measure_over_http(options, figures, scratch);
  measure_balance(options, figures, scratch);
}

}  // namespace tally::tools::bench
