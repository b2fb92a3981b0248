#include "storage/due_accounts.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "core/manual.h"

namespace due_accounts_test {

using namespace tally;
using namespace tally::storage;

namespace {

UtcTime at(std::int64_t ms) {
  return UtcTime::from_ms(ms);
}

}  // namespace

TEST_CASE("due accounts: those whose time has come are told, the earliest first, at most as many as asked for") {
  DueAccounts due;
  CHECK(due.due(at(100), 10).empty());
  CHECK_FALSE(due.due_at(AccountId("a")));
  due.set(AccountId("a"), at(30));
  due.set(AccountId("b"), at(10));
  due.set(AccountId("c"), at(20));
  due.set(AccountId("d"), at(40));
  using Ids = std::vector<AccountId>;
  CHECK(due.due(at(9), 10).empty());
  CHECK(due.due(at(30), 10) == Ids{AccountId("b"), AccountId("c"), AccountId("a")});
  CHECK(due.due(at(100), 2) == Ids{AccountId("b"), AccountId("c")});
  CHECK(due.due(at(100), 0).empty());
}

TEST_CASE("due accounts: whatever times are set, moved and taken away, the answer is that of a plain list") {
  SeededRandom random(11);
  DueAccounts due;
  std::map<AccountId, UtcTime> plain;
  for (int step = 0; step < 5'000; ++step) {
    const AccountId account("acct" + std::to_string(random.below(300)));
    if (random.below(3) == 0) {
      due.set(account, std::nullopt);
      plain.erase(account);
    } else {
      const UtcTime time = at(static_cast<std::int64_t>(random.below(1'000)));
      due.set(account, time);
      plain[account] = time;
    }
    const auto known = plain.find(account);
    CHECK(due.due_at(account) == (known == plain.end() ? std::nullopt : std::optional(known->second)));
    if (step % 50 != 0) continue;
    const UtcTime now = at(static_cast<std::int64_t>(random.below(1'000)));
    std::set<AccountId> expected;
    for (const auto& [id, time] : plain) {
      if (time <= now) expected.insert(id);
    }
    const auto found = due.due(now, 1'000);
    CHECK(std::set<AccountId>(found.begin(), found.end()) == expected);
    CHECK(found.size() == expected.size());
    for (std::size_t i = 1; i < found.size(); ++i) CHECK(plain[found[i - 1]] <= plain[found[i]]);
  }
}

}  // namespace due_accounts_test
