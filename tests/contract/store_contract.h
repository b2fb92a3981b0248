// What every Store must do, whatever lies below it. A backend's test runs all rules, each over an empty store of its
// own.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "storage/store.h"

namespace tally::storage {

struct StoreRule {
  const char* says;
  void (*check)(Store& store);
};
std::span<const StoreRule> store_rules();

// Runs every rule as a subcase of the calling test. `make` gives an empty store.
void check_store_contract(const std::function<std::unique_ptr<Store>()>& make);

// Shorthands for tests over any store; a failing store fails the test.
struct Row {
  std::string account;
  std::string key;
  std::string value;
  friend bool operator==(const Row&, const Row&) = default;
};
std::vector<Row> rows_of(const Rows& rows, Table table, const AccountId& account, const ScanRange& range = {});
std::vector<Row> all_rows(const Rows& rows, Table table, const AccountId& from = {});
std::string value_of(const Rows& rows, Table table, const AccountId& account, std::string_view key);  // "-" when absent
Position commit_one(Store& store, const Batch& batch, Durability durability = Durability::synced);

struct JournalEntry {
  Position position;
  std::string account;
  std::string record;
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};
std::vector<JournalEntry> journal_of(const Store& store, Position from = 0);

}  // namespace tally::storage
