#include "tools/tally/audit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/codec.h"
#include "core/rollup.h"
#include "http/ledger_wire.h"
#include "storage/account_writer.h"
#include "storage/meter.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/temporary_directory.h"
#include "tests/tools/fake_server.h"
#include "tests/tools/ledger_book.h"
#include "tools/tally/json.h"

namespace ledger_audit_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

// A server that has one account, `book`.
class BookServer {
 public:
  explicit BookServer(const LedgerBook& book) : book_(book) {}

  Result<HttpAnswer> operator()(const HttpRequest& request) {
    const std::string path = request.url.substr(std::string("http://tally.test/operator/v1").size());
    const std::string account = "/accounts/" + book_.account.str();
    std::string json;
    http::JsonWriter out(json);
    if (path.starts_with("/accounts?")) return page(R"({"id":")" + book_.account.str() + "\"}", false);
    if (path == account + "/balance") {
      LedgerState state = book_.state;
      if (restless) state.balance = Credits::from_micros(state.balance.micros() + ++moves_);
      http::write_balance(out, state);
      return answer(200, json);
    }
    if (path.starts_with(account + "/lots?")) {
      const std::uint64_t after = number_after(path, "cursor=lot_", 0);
      const std::uint64_t limit = number_after(path, "limit=", 50);
      std::uint64_t shown = 0;
      for (const auto& [number, lot] : book_.lots) {
        if (number <= after || shown++ == limit) continue;
        http::write_lot(out, lot, book_.remaining(number));
      }
      return page(json, shown > limit);
    }
    if (path.starts_with(account + "/ledger?")) {
      std::uint64_t before = number_after(path, "cursor=ent_", book_.entries.size() + 1);
      std::uint64_t left = number_after(path, "limit=", 50);
      for (; before > 1 && left > 0; --left) http::write_entry(out, book_.account, book_.entries[--before - 1]);
      return page(json, before > 1);
    }
    if (path.starts_with("/reports") && usage) {
      return answer(202, R"({"request_id":"r","status":"completed","result":{"totals":{"credits":")" +
                             (request.body.find("2018-01-01") < request.body.find("\"to\"") ? *usage : "0") + "\"}}}");
    }
    return answer(404, R"({"code":"not_found","title":"no such thing"})");
  }

  std::optional<std::string> usage;
  bool restless = false;

 private:
  static HttpAnswer page(const std::string& items, bool more) {
    return answer(200, "{\"items\":[" + items + "],\"next_cursor\":" + (more ? "\"more\"" : "null") + "}");
  }
  static std::uint64_t number_after(const std::string& path, const std::string& name, std::uint64_t otherwise) {
    const std::size_t at = path.find(name);
    return at == std::string::npos ? otherwise : std::stoull(path.substr(at + name.size()));
  }

  const LedgerBook& book_;
  std::int64_t moves_ = 0;
};

LedgerBook long_book() {
  LedgerBook book = varied_book("acme");
  for (int i = 0; i < 1'200; ++i) book.debit(Credits::from_micros(10 + i), "more-" + std::to_string(i));
  return book;
}

struct File {
  explicit File(const std::string& text) : path(directory.path() + "/export.ndjson") { std::ofstream(path) << text; }
  TemporaryDirectory directory;
  std::string path;
};

}  // namespace

TEST_CASE("audit: a server whose ledgers are right is said to be right, page by page") {
  const LedgerBook book = long_book();
  Bench bench{BookServer(book)};
  CHECK(audit(bench.session, {}) == 0);
  CHECK(bench.out.str() == "checked 1 account, " + std::to_string(book.entries.size()) + " entries, " +
                               std::to_string(book.lots.size()) + " lots, 0 open holds: all is right\n");
  // What a server does not show is said.
  CHECK(bench.err.str().find("no reports for its operator") != std::string::npos);
  CHECK(bench.err.str().find("does not list open holds") != std::string::npos);
}

TEST_CASE("audit: the first wrong entry of a server is named, exit code 1") {
  LedgerBook book = long_book();
  book.entries[700].amount = credits(-2);
  book.entries[900].description = "x";
  Bench bench{BookServer(book)};
  CHECK(audit(bench.session, {}) == 1);
  CHECK(bench.out.str().find("WRONG  account acme, entry 701: ") == 0);
  CHECK(bench.out.str().find("1 thing is wrong") != std::string::npos);
  Bench json{BookServer(book)};
  json.session.settings.json = true;
  CHECK(audit(json.session, {}) == 1);
  const auto result = *Json::parse(json.out.str());
  CHECK(result["ok"].text() == "false");
  CHECK(result["wrong"].item(0)["account"].text() == "acme");
  CHECK(result["wrong"].item(0)["entry"].text() == "ent_701");
}

TEST_CASE("audit: a lot that has another rest than the entries left it is wrong") {
  LedgerBook book = varied_book("acme");
  book.state.lots.front().remaining = Credits::from_micros(book.state.lots.front().remaining.micros() - 1);
  Bench bench{BookServer(book)};
  CHECK(audit(bench.session, {}) == 1);
}

TEST_CASE("audit: a server's usage reports are held against the entries") {
  const LedgerBook book = varied_book("acme");
  const auto code = [&](const char* usage, std::string& notes) {
    BookServer server(book);
    server.usage = usage;
    Bench bench{server};
    bench.clock.set(*UtcTime::parse("2025-06-01T00:00:00Z"));
    const int exit = audit(bench.session, {});
    notes = bench.err.str();
    return exit;
  };
  std::string notes;
  CHECK(code("43", notes) == 0);
  CHECK(notes.find("unlimited") == std::string::npos);
  CHECK(code("42.999999", notes) == 1);
  CHECK(code("44", notes) == 0);
  CHECK(notes.find("unlimited") != std::string::npos);
}

TEST_CASE("audit: an account that never holds still has its entries checked, and cannot be exported") {
  const LedgerBook book = varied_book("acme");
  BookServer server(book);
  server.restless = true;
  Bench bench{server};
  CHECK(audit(bench.session, {}) == 0);
  CHECK(bench.err.str().find("changes all the time") != std::string::npos);
  Bench exporting{server};
  CHECK(export_ledger(exporting.session, {}) == 1);
  CHECK(exporting.out.str().find("\"end\"") == std::string::npos);
}

TEST_CASE("audit: an export of a server passes as a file, and not after a change") {
  const LedgerBook book = long_book();
  Bench exporting{BookServer(book)};
  CHECK(export_ledger(exporting.session, {}) == 0);
  const File good(exporting.out.str());
  Bench bench(in_turn({answer(500, "")}));
  CHECK(audit(bench.session, {{}, "", good.path}) == 0);
  CHECK(bench.server.requests().empty());
  std::string text = exporting.out.str();
  const std::size_t at = text.find("more-500\"");
  text[at + 5] = '6';
  const File bad(text);
  Bench again(in_turn({answer(500, "")}));
  CHECK(audit(again.session, {{}, "", bad.path}) == 1);
  CHECK(again.out.str().find("WRONG  account acme, entry " + std::to_string(book.entries.size() - 1'200 + 501)) == 0);
}

TEST_CASE("audit: what cannot be checked is exit code 2, a server that does not answer 3") {
  Bench bench(in_turn({answer(401, R"({"code":"unauthorized"})")}));
  CHECK(audit(bench.session, {}) == 2);
  CHECK(audit(bench.session, {{}, "", "/no/such/file"}) == 2);
  const TemporaryDirectory empty;
  CHECK(audit(bench.session, {{}, empty.path(), ""}) == 2);
  CHECK(std::filesystem::is_empty(empty.path()));
  Bench silent(in_turn({fail(Errc::unavailable, "refused")}));
  CHECK(audit(silent.session, {}) == 3);
}

namespace {

// A data directory with traffic in it, as a stopped server leaves it or, without `flush`, a killed one.
struct Town {
  TemporaryDirectory directory;
  ManualClock clock;
  SeededRandom random{5};
  std::string data = directory.path() + "/data";
  std::shared_ptr<Account> account = std::make_shared<Account>();

  explicit Town(bool flush) {
    clock.set(*UtcTime::parse("2025-03-01T10:00:00Z"));
    auto store = storage::RocksStore::open(data, clock).value();
    storage::AccountWriter writer(*store, {.shards = 1, .waiting_max = 10'000, .threads = false}, [](const Error&) {});
    storage::Ledgers ledgers(*store, writer, clock, [this](const AccountId&) { return account; });
    auto prices = std::make_shared<PriceBook>();
    Price price;
    price.endpoint = "search";
    price.version = 1;
    price.credits = credits(2);
    prices->insert(price);
    storage::Meter meter(
        *store, writer, clock, ledgers, [prices] { return prices; }, storage::WriteBehindOptions{});
    REQUIRE(ledgers.recover().has_value());
    REQUIRE(meter.recover(random).has_value());
    const auto run = [&] {
      while (writer.step()) {
      }
    };
    const auto work = [&](const char* id, const storage::Ledgers::Work& change) {
      ledgers.post(AccountId(id), change, nullptr);
      run();
    };
    const auto event = [&](const char* id, std::string name) {
      UsageEvent made;
      made.account = AccountId(id);
      made.id = std::move(name);
      made.source = "gateway";
      made.endpoint = "search";
      made.time = clock.now();
      return made;
    };
    for (const char* id : {"acme", "globex"}) {
      storage::Batch made{AccountId(id)};
      account->id = AccountId(id);
      made.put(storage::Table::account, "", encode(*account));
      REQUIRE(store->commit({&made, 1}, storage::Durability::synced).has_value());
      work(id, [](Ledger& ledger) {
        Grant grant;
        grant.amount = credits(10);
        CHECK(ledger.grant(grant).has_value());
        CHECK(ledger.hold({credits(2), minute_ms, "search", 1}).has_value());
        CHECK(ledger.hold({credits(2), minute_ms, "search", 1}).has_value());
        CHECK(ledger.hold({credits(1), hour_ms, "", 0}).has_value());
      });
      for (int i = 0; i < 4; ++i) meter.ingest(AccountId(id), {event(id, "call-" + std::to_string(i))}, [](auto) {});
      run();
      meter.settle(event(id, "held"), 1, [](const auto& settled) { CHECK(settled.has_value()); });
      meter.reverse(AccountId(id), "gateway", "call-1", "a mistake",
                    [](const auto& reversed) { CHECK(reversed.has_value()); });
      run();
      work(id, [](Ledger& ledger) { CHECK(ledger.release(2).has_value()); });
      account->subscription.unlimited = true;
      meter.ingest(AccountId(id), {event(id, "free")}, [](auto) {});
      run();
      account->subscription.unlimited = false;
    }
    if (flush) {
      meter.flush_all();
      ledgers.flush_all();
      run();
    }
    writer.stop();
  }

  int audited(std::string& said) {
    Bench bench(in_turn({answer(500, "")}));
    bench.clock.set(clock.now());
    const int code = audit(bench.session, {{}, data, ""});
    said = bench.out.str() + bench.err.str();
    return code;
  }
};

}  // namespace

TEST_CASE("audit: a directory is right after a stop and after a kill, with usage that nobody was debited for") {
  for (const bool flush : {true, false}) {
    Town town(flush);
    std::string said;
    CHECK_MESSAGE(town.audited(said) == 0, said);
    CHECK_MESSAGE(said == "checked 2 accounts, 14 entries, 2 lots, 2 open holds: all is right\n", said);
  }
}

TEST_CASE("audit: a directory's export passes as a file and says the same") {
  Town town(true);
  Bench exporting(in_turn({answer(500, "")}));
  CHECK(export_ledger(exporting.session, {{"acme"}, town.data}) == 0);
  const File file(exporting.out.str());
  Bench bench(in_turn({answer(500, "")}));
  CHECK(audit(bench.session, {{}, "", file.path}) == 0);
  CHECK(bench.out.str() == "checked 1 account, 7 entries, 1 lot, 1 open hold: all is right\n");
  CHECK(bench.err.str().empty());
  CHECK(export_ledger(exporting.session, {{"nobody"}, town.data}) == 2);
}

TEST_CASE("audit: rollups of a directory that do not fit its entries are found") {
  for (const bool both : {true, false}) {
    Town town(true);
    {
      auto store = storage::RocksStore::open(town.data, town.clock).value();
      storage::Batch batch(AccountId("globex"));
      RollupValue credit;
      credit.total.credits_micros = 1;
      const std::string more = encode(RollupRow{{encode(RollupDims{"x", "", ""}), credit}});
      batch.add(storage::Table::rollup_day, rollup_key(1), more);
      if (both) batch.add(storage::Table::rollup_month, rollup_key(0), more);
      REQUIRE(store->commit({&batch, 1}, storage::Durability::synced).has_value());
    }
    std::string said;
    CHECK(town.audited(said) == 1);
    CHECK_MESSAGE(said.find("WRONG  account globex, ") == 0, said);
    CHECK_MESSAGE(said.find(both ? "usage reports come to 10.000001" : "rollups disagree") != std::string::npos, said);
  }
}

TEST_CASE("audit: a stored entry, hold or state that was changed is found in the directory") {
  using storage::Table;
  const auto found_after = [](const std::function<void(storage::Store&, storage::Batch&)>& change) {
    Town town(true);
    {
      auto store = storage::RocksStore::open(town.data, town.clock).value();
      storage::Batch batch(AccountId("acme"));
      change(*store, batch);
      REQUIRE(store->commit({&batch, 1}, storage::Durability::synced).has_value());
    }
    std::string said;
    CHECK_MESSAGE(town.audited(said) == 1, said);
    return said;
  };
  const auto number = [](std::uint64_t value) {
    std::string key;
    append_be64(key, value);
    return key;
  };
  const AccountId acme("acme");
  const std::string entry = found_after([&](storage::Store& store, storage::Batch& batch) {
    Result<void> scanned = store.scan(Table::ledger_entry, acme, {}, [&](std::string_view key, std::string_view row) {
      auto entries = decode_ledger_entries(row).value();
      for (LedgerEntry& one : entries) {
        if (one.seq == 4) one.endpoint = "other";
      }
      batch.put(Table::ledger_entry, std::string(key), encode(entries));
      return true;
    });
    REQUIRE(scanned.has_value());
  });
  CHECK_MESSAGE(entry.starts_with("WRONG  account acme, entry 4: "), entry);
  const std::string hold = found_after([&](storage::Store& store, storage::Batch& batch) {
    Hold open = decode_hold(**store.get(Table::hold, acme, number(3))).value();
    open.reserved = open.credits = credits(2);
    batch.put(Table::hold, number(3), encode(open));
  });
  CHECK_MESSAGE(hold.starts_with("WRONG  account acme, "), hold);
  const auto with_balance = [&](std::int64_t balance) {
    return found_after([&](storage::Store& store, storage::Batch& batch) {
      LedgerState changed = decode_ledger_state(**store.get(Table::ledger, acme, "")).value();
      changed.balance = credits(balance);
      batch.put(Table::ledger, "", encode(changed));
    });
  };
  const std::string state = with_balance(1);
  CHECK_MESSAGE(state.starts_with("WRONG  account acme, the state's balance is 1"), state);
  const std::string impossible = with_balance(1'000);
  CHECK_MESSAGE(impossible.starts_with("WRONG  account acme, a ledger's state cannot be read"), impossible);
}

TEST_CASE("audit: a directory in use is not checked") {
  Town town(true);
  const auto store = storage::RocksStore::open(town.data, town.clock);
  std::string said;
  CHECK(town.audited(said) == 2);
  CHECK_MESSAGE(said.find("stop the server") != std::string::npos, said);
}

}  // namespace ledger_audit_test
