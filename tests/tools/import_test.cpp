#include "tools/tally/import.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "tests/tools/fake_server.h"
#include "tools/tally/event_sender.h"
#include "tools/tally/progress.h"

namespace import_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

// Keeps accounts and events as the contract says, by ids; refuses events of unknown accounts.
struct Ledger {
  std::set<std::string> accounts;
  std::set<std::string> events;
  std::size_t body_bytes_max = 1U << 20U;
  std::size_t posts = 0;

  Result<HttpAnswer> operator()(const HttpRequest& request) {
    if (request.method == "GET") return answer(200, R"({"items":[],"next_cursor":null})");
    if (request.url.ends_with("/accounts")) {
      const bool made = accounts.insert((*Json::parse(request.body))["id"].text()).second;
      return made ? answer(201, "{}") : answer(409, R"({"code":"account_exists"})");
    }
    ++posts;
    return request.body.size() > body_bytes_max ? answer(413, "{}") : answer(200, take(request.body));
  }

  std::string take(std::string_view body) {
    std::int64_t accepted = 0;
    std::int64_t duplicates = 0;
    std::string rejected;
    for (int index = 0; !body.empty(); ++index) {
      const Json event = *Json::parse(body.substr(0, body.find('\n')));
      body.remove_prefix(body.find('\n') + 1);
      if (!accounts.contains(event["account"].text())) {
        JsonObject one;
        one.integer("index", index).text("code", "unknown_account").text("message", "no such account");
        rejected += (rejected.empty() ? "" : ",") + one.str();
      } else {
        (events.insert(event["source"].text() + "/" + event["id"].text()).second ? accepted : duplicates) += 1;
      }
    }
    JsonObject out;
    out.integer("accepted", accepted)
        .integer("duplicates", duplicates)
        .raw("rejected", "[" + rejected + "]")
        .text("credits", "0");
    return out.str();
  }
};

ByteSource text_source(std::string text) {
  return [text = std::move(text), at = std::size_t{0}](char* buffer, std::size_t size) mutable -> std::int64_t {
    const std::size_t count = std::min(size, text.size() - at);
    std::memcpy(buffer, text.data() + at, count);
    at += count;
    return static_cast<std::int64_t>(count);
  };
}

std::string access_line(int client, const std::string& path, int status = 200) {
  return "192.0.2." + std::to_string(client) + " - - [17/May/2015:10:05:03 +0000] \"GET " + path + " HTTP/1.1\" " +
         std::to_string(status) + " 5\n";
}

std::string big_log() {
  std::string log;
  for (int i = 0; i < 2'000; ++i)
    log += access_line(i % 50, "/a" + std::to_string(i % 7) + "?" + std::to_string(i % 500));
  return log;
}

int run(Bench& bench, const std::string& log, ImportOptions options = {}) {
  options.events.source = "import:test";
  return import_log(bench.session, options, text_source(log), log.size());
}

Json summary(const Bench& bench) {
  return *Json::parse(bench.out.str());
}

// A bench over a ledger that the test can look into.
struct Imported {
  Ledger ledger;
  Bench bench{[this](const HttpRequest& request) { return ledger(request); }};
  Imported() { bench.session.settings.json = true; }
};

// Answers nobody who makes an account before a second one does.
class Meeting final : public Transport {
 public:
  Result<HttpAnswer> send(const HttpRequest& request) override {
    std::unique_lock lock(mutex_);
    if (request.url.ends_with("/accounts")) {
      ++come_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return come_ >= 2; });
    }
    return ledger_(request);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int come_ = 0;
  Ledger ledger_;
};

}  // namespace

TEST_CASE("import: accounts that one batch needs are made several at once") {
  Meeting server;
  ManualClock clock;
  SeededRandom random{1};
  std::ostringstream out;
  std::ostringstream err;
  Session session{server, clock, random, [](std::int64_t) {}, out, err, {}};
  session.settings.server = "http://tally.test";
  session.settings.operator_token = "token";
  EventSender sender(session, {});
  const std::string event = R"({"id":"1","account":"a","endpoint":"search"})";
  CHECK(sender.add({event + "\n", {event.size() + 1}, {1}, {{"a", "A"}, {"b", "B"}}}));
  CHECK_FALSE(sender.finish());
  CHECK(sender.totals().accounts_made == 2);
  CHECK(sender.totals().accepted == 1);
}

TEST_CASE("import: every good line is one event, bad ones are counted and shown, and that is a success") {
  Imported test;
  const std::string log =
      access_line(1, "/a") + "garbage\n\n" + access_line(2, "/b", 500) + access_line(1, "/a") + "cut off";
  CHECK(run(test.bench, log) == 0);
  CHECK(summary(test.bench)["lines"].integer() == 5);
  CHECK(summary(test.bench)["accepted"].integer() == 3);
  CHECK(summary(test.bench)["bad"].integer() == 2);
  CHECK(summary(test.bench)["accounts_made"].integer() == 2);
  CHECK(summary(test.bench)["bad_lines"].item(0)["line"].integer() == 2);
  CHECK(test.bench.err.str().find("2 lines could not be read:\n  line 2: no `[time]`") != std::string::npos);
  CHECK(test.ledger.events.size() == 3);
}

TEST_CASE("import: running it twice counts nothing twice, in batches of any size and any number in flight") {
  for (const std::size_t batch : {1U, 33U, 5'000U}) {
    for (const int parallel : {1, 7}) {
      Imported test;
      ImportOptions options;
      options.batch_lines = batch;
      options.send.parallel = parallel;
      CHECK(run(test.bench, big_log(), options) == 0);
      CHECK(summary(test.bench)["accepted"].integer() == 2'000);
      CHECK(summary(test.bench)["accounts_made"].integer() == 50);
      test.bench.out.str("");
      CHECK(run(test.bench, big_log() + access_line(1, "/appended")) == 0);
      CHECK(summary(test.bench)["accepted"].integer() == 1);
      CHECK(summary(test.bench)["duplicates"].integer() == 2'000);
      CHECK(summary(test.bench)["accounts_made"].integer() == 0);
    }
  }
}

TEST_CASE("import: an event never goes out before its account is there") {
  Imported test;
  ImportOptions options;
  options.batch_lines = 3;
  options.send.parallel = 8;
  CHECK(run(test.bench, big_log(), options) == 0);
  CHECK(summary(test.bench)["rejected"].integer() == 0);
}

TEST_CASE("import: rejected events are exit code 4 and are shown with their line") {
  Imported test;
  ImportOptions options;
  options.send.make_accounts = false;
  test.ledger.accounts.insert("ip-192-0-2-1");
  CHECK(run(test.bench, access_line(1, "/a") + "garbage\n" + access_line(2, "/b"), options) == 4);
  CHECK(summary(test.bench)["rejected"].integer() == 1);
  CHECK(summary(test.bench)["rejected_events"].item(0).dump() ==
        R"({"line":3,"reason":"unknown_account: no such account"})");
}

TEST_CASE("import: bad lines are exit code 4 only when asked for") {
  Imported test;
  ImportOptions options;
  options.strict = true;
  CHECK(run(test.bench, "garbage\n", options) == 4);
}

TEST_CASE("import: a broken connection or a busy server is tried again, and nothing counts twice") {
  Ledger ledger;
  std::size_t calls = 0;
  Bench bench([&](const HttpRequest& request) -> Result<HttpAnswer> {
    if (request.method == "GET") return ledger(request);
    switch (++calls % 4) {
      case 0:
        return answer(503, "", "1");
      case 1:  // it arrived, only the answer got lost
        (void)ledger(request);
        return fail(Errc::unavailable, "connection reset");
      default:
        return ledger(request);
    }
  });
  bench.session.settings.json = true;
  ImportOptions options;
  options.batch_lines = 100;
  CHECK(run(bench, big_log(), options) == 0);
  CHECK(ledger.events.size() == 2'000);
  CHECK(summary(bench)["accepted"].integer() + summary(bench)["duplicates"].integer() == 2'000);
}

TEST_CASE("import: a batch that is too large for the server is halved until it fits") {
  Imported test;
  test.ledger.body_bytes_max = 2'000;
  CHECK(run(test.bench, big_log()) == 0);
  CHECK(summary(test.bench)["accepted"].integer() == 2'000);
}

TEST_CASE("import: a server that is away or refuses the token ends it before anything is read") {
  Bench away(in_turn({fail(Errc::unavailable, "connection refused")}));
  CHECK(run(away, big_log()) == 3);
  CHECK(away.server.requests().size() == 1);
  Bench stranger(in_turn({answer(401, R"({"code":"invalid_token","title":"Unauthorized"})")}));
  CHECK(run(stranger, big_log()) == 1);
}

TEST_CASE("import: a failure midway ends it with the summary so far and the advice to run it again") {
  Ledger ledger;
  Bench bench([&](const HttpRequest& request) -> Result<HttpAnswer> {
    return ledger.posts >= 5 ? Result<HttpAnswer>(answer(403, R"({"code":"forbidden"})")) : ledger(request);
  });
  ImportOptions options;
  options.batch_lines = 10;
  options.send.parallel = 2;
  CHECK(run(bench, big_log(), options) == 1);
  CHECK(bench.err.str().find("run it again") != std::string::npos);
  CHECK(bench.out.str().find("accepted") != std::string::npos);
}

TEST_CASE("import: a dry run prints the events and asks no server") {
  Bench bench(in_turn({answer(500, "")}));
  ImportOptions options;
  options.dry_run = true;
  CHECK(run(bench, access_line(1, "/a") + access_line(2, "/b"), options) == 0);
  CHECK(bench.server.requests().empty());
  const std::string events = bench.out.str();
  CHECK(std::count(events.begin(), events.end(), '\n') == 2);
}

TEST_CASE("import: a compressed log is refused with the command that reads it") {
  Imported test;
  CHECK(run(test.bench, "\x1f\x8b\x08rest\n") == 2);
  CHECK(test.bench.err.str().find("gzip -dc") != std::string::npos);
}

TEST_CASE("import: events of our own are posted as they are, and their accounts are made") {
  Imported test;
  CHECK(run(test.bench, "{\"id\":\"1\",\"source\":\"gw\",\"account\":\"acme\",\"endpoint\":\"x\"}\nnot json\n") == 0);
  CHECK(test.ledger.accounts == std::set<std::string>{"acme"});
  CHECK(test.ledger.events == std::set<std::string>{"gw/1"});
  CHECK(summary(test.bench)["bad"].integer() == 1);
}

TEST_CASE("import: the summary for people lines up") {
  Ledger ledger;
  Bench bench([&](const HttpRequest& request) { return ledger(request); });
  CHECK(run(bench, access_line(1, "/a")) == 0);
  CHECK(bench.out.str() ==
        "         1  lines\n"
        "         1  accepted\n"
        "         0  duplicates\n"
        "         0  rejected\n"
        "         0  bad\n"
        "         1  accounts made\n"
        "in 0.0 s, 0 lines/s\n");
}

TEST_CASE("progress: a bar where the size is known, numbers where not") {
  CHECK(progress_text(50, 100, 7, 2) == "[###############---------------]  50%  7 lines  3 lines/s");
  CHECK(progress_text(200, 100, 7, 0) == "[##############################] 100%  7 lines");
  CHECK(progress_text(50, std::nullopt, 7, 7) == "7 lines  1 lines/s");
  CHECK(progress_text(0, 0, 0, 1) == "0 lines  0 lines/s");
}

TEST_CASE("progress: drawn only on a terminal, at most ten times a second, and wiped") {
  Bench bench(in_turn({answer(200, "")}));
  {
    Progress quiet(bench.session, 100);
    bench.clock.advance_ms(1'000);
    quiet.update(1, 1);
  }
  CHECK(bench.err.str().empty());
  bench.session.settings.progress = true;
  {
    Progress bar(bench.session, 100);
    bar.update(1, 1);
    CHECK(bench.err.str().empty());
    bench.clock.advance_ms(100);
    bar.update(2, 2);
    bar.update(3, 3);
  }
  CHECK(bench.err.str() == "\r\x1b[K" + progress_text(2, 100, 2, 0.1) + "\r\x1b[K");
}

}  // namespace import_test
