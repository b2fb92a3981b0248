#include "tests/contract/store_contract.h"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <thread>

#include "core/manual.h"
#include "core/rollup.h"

namespace tally::storage {

std::vector<Row> rows_of(const Rows& rows, Table table, const AccountId& account, const ScanRange& range) {
  std::vector<Row> found;
  const auto scanned = rows.scan(table, account, range, [&](std::string_view key, std::string_view value) {
    found.push_back({account.str(), std::string(key), std::string(value)});
    return true;
  });
  REQUIRE(scanned.has_value());
  return found;
}

std::vector<Row> all_rows(const Rows& rows, Table table, const AccountId& from) {
  std::vector<Row> found;
  const auto scanned =
      rows.scan_all(table, from, [&](std::string_view account, std::string_view key, std::string_view value) {
        found.push_back({std::string(account), std::string(key), std::string(value)});
        return true;
      });
  REQUIRE(scanned.has_value());
  return found;
}

std::string value_of(const Rows& rows, Table table, const AccountId& account, std::string_view key) {
  const auto value = rows.get(table, account, key);
  REQUIRE(value.has_value());
  return value->value_or("-");
}

Position commit_one(Store& store, const Batch& batch, Durability durability) {
  const auto position = store.commit({&batch, 1}, durability);
  REQUIRE(position.has_value());
  return *position;
}

std::vector<JournalEntry> journal_of(const Store& store, Position from) {
  std::vector<JournalEntry> entries;
  const auto read = store.read_journal(from, [&](Position position, std::string_view account, std::string_view record) {
    entries.push_back({position, std::string(account), std::string(record)});
    return true;
  });
  REQUIRE(read.has_value());
  return entries;
}

namespace {

using std::string_literals::operator""s;

const AccountId acme("acme");
const AccountId acme_eu("acme-eu");  // begins with another account's name
const AccountId zeta("zeta");

std::string arrival(std::string rest) {
  return std::string(8, '\x7f') + rest;
}

void put(Store& store, Table table, const AccountId& account, std::string key, std::string value) {
  Batch batch(account);
  batch.put(table, std::move(key), std::move(value));
  commit_one(store, batch);
}

std::string delta(std::int64_t requests, std::uint8_t hour, const std::string& endpoint = "search") {
  RollupValue value;
  value.total.requests = requests;
  value.hours.push_back({hour, value.total});
  return encode(RollupRow{{encode(RollupDims{endpoint, "", ""}), value}});
}

// What a row counts of that series.
RollupValue counted(const std::string& row, const std::string& endpoint = "search") {
  return decode_rollup_row(row).value().at(encode(RollupDims{endpoint, "", ""}));
}

void an_absent_row_is_no_error(Store& store) {
  for (const Table table : all_tables) {
    CHECK(value_of(store, table, acme, "nothing") == "-");
    CHECK(rows_of(store, table, acme).empty());
    CHECK(all_rows(store, table).empty());
  }
  CHECK(journal_of(store).empty());
}

void a_put_is_read_back_from_its_own_table_and_account_only(Store& store) {
  for (const Table table : all_tables) put(store, table, acme, "k", arrival(std::to_string(static_cast<int>(table))));
  for (const Table table : all_tables) {
    CHECK(value_of(store, table, acme, "k") == arrival(std::to_string(static_cast<int>(table))));
    CHECK(value_of(store, table, acme_eu, "k") == "-");
    CHECK(all_rows(store, table).size() == 1);
  }
}

void keys_and_values_hold_any_byte(Store& store) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  for (const Table table : {Table::job, Table::job_result, Table::dedup}) {
    for (const std::string& key : {""s, "\0"s, "\0\0"s, "a\0b"s, "\xff\xff"s, every_byte}) {
      put(store, table, acme, key, arrival(every_byte + key));
      CHECK(value_of(store, table, acme, key) == arrival(every_byte + key));
    }
    CHECK(rows_of(store, table, acme).size() == 6);
  }
}

void a_value_may_be_empty_and_that_is_not_absent(Store& store) {
  put(store, Table::open_job, acme, "r1", "");
  CHECK(value_of(store, Table::open_job, acme, "r1").empty());
}

void an_erased_row_is_gone_and_erasing_nothing_is_fine(Store& store) {
  put(store, Table::job, acme, "r1", "v");
  Batch batch(acme);
  batch.erase(Table::job, "r1");
  batch.erase(Table::job, "never was");
  commit_one(store, batch);
  CHECK(value_of(store, Table::job, acme, "r1") == "-");
  CHECK(rows_of(store, Table::job, acme).empty());
}

void later_operations_go_over_earlier_ones(Store& store) {
  Batch first(acme);
  first.put(Table::job, "k", "1");
  first.erase(Table::job, "k");
  first.put(Table::job, "k", "2");
  first.put(Table::job, "gone", "1");
  Batch second(acme);
  second.put(Table::job, "k", "3");
  second.erase(Table::job, "gone");
  const Batch group[] = {first, second};
  REQUIRE(store.commit(group, Durability::synced).has_value());
  CHECK(value_of(store, Table::job, acme, "k") == "3");
  CHECK(value_of(store, Table::job, acme, "gone") == "-");
}

void a_group_changes_many_accounts_at_once(Store& store) {
  std::vector<Batch> group;
  for (int i = 0; i < 100; ++i) {
    Batch batch(AccountId("a" + std::to_string(i)));
    batch.put(Table::account, "", std::to_string(i));
    group.push_back(std::move(batch));
  }
  REQUIRE(store.commit(group, Durability::synced).has_value());
  CHECK(all_rows(store, Table::account).size() == 100);
  CHECK(value_of(store, Table::account, AccountId("a42"), "") == "42");
}

void get_many_answers_in_the_order_asked(Store& store) {
  for (const Table table : {Table::dedup, Table::job}) {
    put(store, table, acme, "b", arrival("B"));
    put(store, table, acme, "d", arrival(""));
    put(store, table, zeta, "a", arrival("another's"));
    const std::vector<std::string> keys{"d", "a", "b", "c", "b"};
    const auto values = store.get_many(table, acme, keys);
    REQUIRE(values.has_value());
    REQUIRE(values->size() == 5);
    CHECK((*values)[0] == arrival(""));
    CHECK(!(*values)[1]);
    CHECK((*values)[2] == arrival("B"));
    CHECK(!(*values)[3]);
    CHECK((*values)[4] == arrival("B"));
    CHECK(store.get_many(table, acme, {})->empty());
  }
}

void a_scan_gives_one_accounts_rows_in_byte_order(Store& store) {
  for (const Table table : {Table::job, Table::rollup_day, Table::dedup}) {
    for (const std::string& key : {"b"s, "a"s, "a\0"s, "\xff"s, ""s}) put(store, table, acme, key, arrival(""));
    put(store, table, acme_eu, "a", arrival(""));
    put(store, table, AccountId("acm"), "e", arrival(""));
    std::vector<std::string> keys;
    for (const Row& row : rows_of(store, table, acme)) keys.push_back(row.key);
    CHECK(keys == std::vector<std::string>{"", "a", "a\0"s, "b", "\xff"});
  }
}

void a_scan_range_includes_its_begin_and_not_its_end(Store& store) {
  for (const char* key : {"a", "b", "c", "d"}) put(store, Table::job, acme, key, "");
  const auto keys = [&](const ScanRange& range) {
    std::string joined;
    for (const Row& row : rows_of(store, Table::job, acme, range)) joined += row.key;
    return joined;
  };
  CHECK(keys({"b", "d", false}) == "bc");
  CHECK(keys({"b", "", false}) == "bcd");
  CHECK(keys({"", "c", false}) == "ab");
  CHECK(keys({"aa", "cc", false}) == "bc");
  CHECK(keys({"c", "b", false}).empty());
  CHECK(keys({"b", "b", false}).empty());
  CHECK(keys({"", "", true}) == "dcba");
  CHECK(keys({"b", "d", true}) == "cb");
  CHECK(keys({"aa", "cc", true}) == "cb");
  CHECK(keys({"c", "b", true}).empty());
}

void a_reverse_scan_stays_within_the_account(Store& store) {
  put(store, Table::job, AccountId("acm"), "z", "");
  put(store, Table::job, acme, "m", "");
  put(store, Table::job, acme_eu, "a", "");
  CHECK(rows_of(store, Table::job, acme, {"", "", true}).size() == 1);
  CHECK(rows_of(store, Table::job, AccountId("acme-e"), {"", "", true}).empty());
}

void a_visitor_stops_a_scan(Store& store) {
  for (const char* key : {"a", "b", "c"}) put(store, Table::job, acme, key, "");
  int seen = 0;
  REQUIRE(store.scan(Table::job, acme, {}, [&](auto, auto) { return ++seen < 2; }).has_value());
  CHECK(seen == 2);
  REQUIRE(store.scan_all(Table::job, {}, [&](auto, auto, auto) { return ++seen < 4; }).has_value());
  CHECK(seen == 4);
}

void a_visitor_may_read_and_commit(Store& store) {
  for (const char* key : {"a", "b", "c"}) put(store, Table::job, acme, key, "old");
  std::string seen;
  REQUIRE(store
              .scan(Table::job, acme, {},
                    [&](std::string_view key, std::string_view value) {
                      seen.append(key).append(value);
                      Batch batch(acme);
                      batch.erase(Table::job, std::string(key));
                      batch.put(Table::job, "z" + std::string(key), "new");
                      commit_one(store, batch, Durability::relaxed);
                      return true;
                    })
              .has_value());
  CHECK(seen == "aoldboldcold");  // what a scan sees is frozen when it begins
  CHECK(rows_of(store, Table::job, acme).size() == 3);
}

void scan_all_goes_by_account_then_key_from_an_account_on(Store& store) {
  for (const Table table : {Table::job, Table::rollup_day, Table::rollup_month, Table::dedup}) {
    put(store, table, zeta, "1", arrival(""));
    put(store, table, acme_eu, "1", arrival(""));
    put(store, table, acme, "2", arrival(""));
    put(store, table, acme, "1", arrival(""));
    const auto names = [&](const AccountId& from) {
      std::string joined;
      for (const Row& row : all_rows(store, table, from)) joined += row.account + row.key + " ";
      return joined;
    };
    CHECK(names({}) == "acme1 acme2 acme-eu1 zeta1 ");
    CHECK(names(acme_eu) == "acme-eu1 zeta1 ");
    CHECK(names(AccountId("acmf")) == "zeta1 ");
    CHECK(names(AccountId("zz")).empty());
  }
}

void system_rows_lie_beside_the_accounts(Store& store) {
  put(store, Table::price, system_account(), "search\0001"s, "p");
  CHECK(value_of(store, Table::price, system_account(), "search\0001"s) == "p");
  CHECK(all_rows(store, Table::price).size() == 1);
}

void deltas_add_up_from_nothing(Store& store) {
  for (const Table table : {Table::rollup_day, Table::rollup_month}) {
    Batch batch(acme);
    batch.add(table, "k", delta(2, 5));
    batch.add(table, "k", delta(3, 7));
    commit_one(store, batch);
    for (int i = 0; i < 100; ++i) {
      Batch more(acme);
      more.add(table, "k", delta(1, 5));
      more.add(table, "k", delta(10, 5, i % 2 == 0 ? "another" : "zebra"));
      commit_one(store, more, Durability::relaxed);
    }
    const RollupValue value = counted(value_of(store, table, acme, "k"));
    CHECK(value.total.requests == 105);
    REQUIRE(value.hours.size() == 2);
    CHECK(value.hours[0].second.requests == 102);
    CHECK(counted(value_of(store, table, acme, "k"), "another").total.requests == 500);
    CHECK(counted(value_of(store, table, acme, "k"), "zebra").total.requests == 500);
    CHECK(rows_of(store, table, acme).at(0).value == value_of(store, table, acme, "k"));
    CHECK(all_rows(store, table).size() == 1);
  }
}

void deltas_go_over_puts_and_erases_in_order(Store& store) {
  Batch batch(acme);
  batch.add(Table::rollup_day, "erased", delta(1, 0));
  batch.erase(Table::rollup_day, "erased");
  batch.add(Table::rollup_day, "erased", delta(4, 0));
  batch.put(Table::rollup_day, "put", delta(10, 0));
  batch.add(Table::rollup_day, "put", delta(1, 0));
  commit_one(store, batch);
  CHECK(counted(value_of(store, Table::rollup_day, acme, "erased")).total.requests == 4);
  CHECK(counted(value_of(store, Table::rollup_day, acme, "put")).total.requests == 11);
}

void what_cannot_be_added_is_refused_whole(Store& store) {
  const auto refused = [&](const Batch& bad) {
    Batch good(zeta);
    good.put(Table::job, "r", "v");
    const Batch group[] = {good, bad};
    const auto answer = store.commit(group, Durability::synced);
    REQUIRE(!answer);
    CHECK(answer.error().code == Errc::invalid_argument);
    CHECK(value_of(store, Table::job, zeta, "r") == "-");
  };
  Batch no_rollup(acme);
  no_rollup.add(Table::job, "k", delta(1, 0));
  refused(no_rollup);
  Batch no_delta(acme);
  no_delta.add(Table::rollup_day, "k", "\xff\xff");
  refused(no_delta);
  Batch nobody{AccountId()};
  nobody.put(Table::job, "k", "v");
  refused(nobody);
  Batch zero_byte(AccountId("a\0b"s));
  zero_byte.put(Table::job, "k", "v");
  refused(zero_byte);
  put(store, Table::job, zeta, "r", "afterwards");  // a refusal is no doubt
}

void the_journal_numbers_records_in_commit_order(Store& store) {
  Batch rows_only(acme);
  rows_only.put(Table::job, "r", "v");
  CHECK(commit_one(store, rows_only) == 0);

  Batch first(acme);
  first.append("one");
  first.append("t\0wo"s);
  Batch second(zeta);
  second.append("");
  const Batch group[] = {rows_only, first, second};
  const auto position = store.commit(group, Durability::synced);
  REQUIRE(position.has_value());
  CHECK(*position == 1);
  CHECK(commit_one(store, second, Durability::relaxed) == 4);

  const std::vector<JournalEntry> expected{{1, "acme", "one"}, {2, "acme", "t\0wo"s}, {3, "zeta", ""}, {4, "zeta", ""}};
  CHECK(journal_of(store) == expected);
  CHECK(journal_of(store, 3) == std::vector<JournalEntry>{expected[2], expected[3]});
  CHECK(journal_of(store, 5).empty());
}

void a_visitor_stops_the_journal_and_may_append(Store& store) {
  Batch batch(acme);
  batch.append("a");
  batch.append("b");
  commit_one(store, batch);
  int seen = 0;
  REQUIRE(store.read_journal(0, [&](auto, auto, auto) { return ++seen < 1; }).has_value());
  CHECK(seen == 1);
  REQUIRE(store
              .read_journal(0,
                            [&](auto, auto, auto) {
                              commit_one(store, batch, Durability::relaxed);
                              return ++seen < 1000;
                            })
              .has_value());
  CHECK(seen == 3);
}

void an_empty_commit_is_fine(Store& store) {
  CHECK(*store.commit({}, Durability::synced) == 0);
  CHECK(commit_one(store, Batch(acme)) == 0);
  CHECK(store.sync().has_value());
}

void a_relaxed_commit_is_visible_at_once(Store& store) {
  Batch batch(acme);
  batch.put(Table::job, "r", "v");
  commit_one(store, batch, Durability::relaxed);
  CHECK(value_of(store, Table::job, acme, "r") == "v");
  CHECK(store.sync().has_value());
}

void a_snapshot_stays_as_it_was(Store& store) {
  put(store, Table::job, acme, "kept", "1");
  put(store, Table::job, acme, "erased", "1");
  Batch first(acme);
  first.add(Table::rollup_day, "k", delta(1, 0));
  commit_one(store, first);
  const auto before = store.snapshot();

  Batch batch(acme);
  batch.put(Table::job, "kept", "2");
  batch.put(Table::job, "new", "2");
  batch.erase(Table::job, "erased");
  batch.add(Table::rollup_day, "k", delta(5, 0));
  commit_one(store, batch);

  CHECK(value_of(*before, Table::job, acme, "kept") == "1");
  CHECK(value_of(*before, Table::job, acme, "new") == "-");
  CHECK(rows_of(*before, Table::job, acme) == std::vector<Row>{{"acme", "erased", "1"}, {"acme", "kept", "1"}});
  CHECK(all_rows(*before, Table::job).size() == 2);
  const std::vector<std::string> keys{"kept", "new"};
  CHECK((*before->get_many(Table::job, acme, keys))[0] == "1");
  CHECK(counted(value_of(*before, Table::rollup_day, acme, "k")).total.requests == 1);
  CHECK(counted(value_of(*store.snapshot(), Table::rollup_day, acme, "k")).total.requests == 6);
  CHECK(value_of(*store.snapshot(), Table::job, acme, "kept") == "2");
}

// Asks of many rows, in their order and out of it.
void a_walk_reads_as_a_snapshot_taken_at_its_begin(Store& store) {
  SeededRandom random(9);
  std::vector<AccountId> accounts;
  for (int i = 0; i < 12; ++i) accounts.emplace_back("account-" + std::to_string(10 + i));
  const auto key_of = [](std::uint64_t number) { return std::string(1, static_cast<char>('a' + number)); };
  for (const AccountId& account : accounts) {
    for (std::uint64_t row = random.below(6); row > 0; --row) {
      put(store, Table::job, account, key_of(random.below(8)), std::to_string(row));
      put(store, Table::job_result, account, key_of(random.below(8)), std::to_string(row));
    }
  }
  for (const bool in_order : {true, false}) {
    const auto walk = store.walk();
    const auto plain = store.snapshot();
    put(store, Table::job, accounts[3], "c", "later");
    for (std::size_t step = 0; step < 200; ++step) {
      const AccountId& account = accounts[in_order ? step * accounts.size() / 200 : random.below(accounts.size())];
      const Table table = random.below(3) == 0 ? Table::job_result : Table::job;
      const std::string key = key_of(random.below(8));
      CHECK(value_of(*walk, table, account, key) == value_of(*plain, table, account, key));
      ScanRange range{key, random.below(2) == 0 ? std::string() : key_of(random.below(9)), random.below(5) == 0};
      CHECK(rows_of(*walk, table, account, range) == rows_of(*plain, table, account, range));
      std::string first;
      REQUIRE(walk->scan(table, account, {}, [&](std::string_view found, std::string_view) {
        first = found;
        return false;
      }));
      const auto all = rows_of(*plain, table, account);
      CHECK(first == (all.empty() ? "" : all.front().key));
    }
    CHECK(all_rows(*walk, Table::job) == all_rows(*plain, Table::job));
    const std::vector<std::string> keys{"a", "c"};
    CHECK(*walk->get_many(Table::job, accounts[3], keys) == *plain->get_many(Table::job, accounts[3], keys));
  }
}

void readers_on_other_threads_never_see_half_a_batch(Store& store) {
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto view = store.snapshot();
        const auto left = view->get(Table::job, acme, "left");
        const auto right = view->get(Table::job_result, acme, "right");
        if (!left || !right || *left != *right) ++torn;
        std::string seen;
        (void)store.scan(Table::job, acme, {}, [&](auto, std::string_view value) { return seen.append(value), true; });
        (void)store.writable();
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    Batch batch(acme);
    batch.put(Table::job, "left", std::to_string(i));
    batch.put(Table::job_result, "right", std::to_string(i));
    batch.append("r");
    commit_one(store, batch, Durability::relaxed);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(torn == 0);
}

void it_says_how_large_it_is(Store& store) {
  const auto before = store.size_bytes();
  put(store, Table::job_result, acme, "r", std::string(100'000, 'x'));
  CHECK(store.size_bytes() > before);
  CHECK(store.writable());
}

// The model is a map; the store under test must answer as it does, whatever is thrown at it.
void random_commits_read_as_a_plain_map_would(Store& store) {
  SeededRandom random(20'260'203);
  std::map<std::pair<std::string, std::string>, std::string> model;
  const std::string accounts[] = {"a", "ab", "b"};
  for (int round = 0; round < 200; ++round) {
    std::vector<Batch> group;
    for (std::uint64_t i = 0; i <= random.below(3); ++i) {
      Batch batch{AccountId(accounts[random.below(3)])};
      for (std::uint64_t k = 0; k < random.below(4); ++k) {
        std::string key(random.below(3), static_cast<char>(random.below(3)));
        if (random.below(3) == 0) {
          model.erase({batch.account().str(), key});
          batch.erase(Table::job, std::move(key));
        } else {
          const std::string value = random.hex(4);
          model[{batch.account().str(), key}] = value;
          batch.put(Table::job, std::move(key), value);
        }
      }
      group.push_back(std::move(batch));
    }
    REQUIRE(store.commit(group, Durability::relaxed).has_value());
  }
  std::vector<Row> expected;
  for (const auto& [key, value] : model) expected.push_back({key.first, key.second, value});
  CHECK(all_rows(store, Table::job) == expected);
}

#define RULE(name) \
  { #name, name }

constexpr StoreRule rules[] = {
    RULE(an_absent_row_is_no_error),
    RULE(a_put_is_read_back_from_its_own_table_and_account_only),
    RULE(keys_and_values_hold_any_byte),
    RULE(a_value_may_be_empty_and_that_is_not_absent),
    RULE(an_erased_row_is_gone_and_erasing_nothing_is_fine),
    RULE(later_operations_go_over_earlier_ones),
    RULE(a_group_changes_many_accounts_at_once),
    RULE(get_many_answers_in_the_order_asked),
    RULE(a_scan_gives_one_accounts_rows_in_byte_order),
    RULE(a_scan_range_includes_its_begin_and_not_its_end),
    RULE(a_reverse_scan_stays_within_the_account),
    RULE(a_visitor_stops_a_scan),
    RULE(a_visitor_may_read_and_commit),
    RULE(scan_all_goes_by_account_then_key_from_an_account_on),
    RULE(system_rows_lie_beside_the_accounts),
    RULE(deltas_add_up_from_nothing),
    RULE(deltas_go_over_puts_and_erases_in_order),
    RULE(what_cannot_be_added_is_refused_whole),
    RULE(the_journal_numbers_records_in_commit_order),
    RULE(a_visitor_stops_the_journal_and_may_append),
    RULE(an_empty_commit_is_fine),
    RULE(a_relaxed_commit_is_visible_at_once),
    RULE(a_snapshot_stays_as_it_was),
    RULE(a_walk_reads_as_a_snapshot_taken_at_its_begin),
    RULE(readers_on_other_threads_never_see_half_a_batch),
    RULE(it_says_how_large_it_is),
    RULE(random_commits_read_as_a_plain_map_would),
};

#undef RULE

}  // namespace

std::span<const StoreRule> store_rules() {
  return rules;
}

void check_store_contract(const std::function<std::unique_ptr<Store>()>& make) {
  for (const StoreRule& rule : store_rules()) {
    SUBCASE(rule.says) {
      const auto store = make();
      rule.check(*store);
    }
  }
}

}  // namespace tally::storage
