#include "http/passwords.h"

#include <doctest/doctest.h>

#include <vector>

namespace tally::http::passwords_test {
namespace {

constexpr PasswordCost cheap{1, 8192};

// Passwords whose work runs when it is told to.
struct House {
  std::vector<std::function<void()>> tasks;
  Passwords passwords;
  std::vector<std::string> done;
  std::vector<Passwords::Release> open;

  explicit House(PasswordLimits limits)
      : passwords(cheap, limits, [this](std::function<void()> task) { tasks.push_back(std::move(task)); }) {}

  Passwords::Queued add(const std::string& lane, const std::string& name) {
    return passwords.enqueue(lane, [this, name](Passwords::Release release) {
      done.push_back(name);
      open.push_back(std::move(release));
    });
  }
  void run() {
    const auto now = std::exchange(tasks, {});
    for (const auto& task : now) task();
  }
};

}  // namespace

TEST_CASE("passwords: a hash is Argon2id, salted, and matched by its password only") {
  const std::string hash = Passwords::hash("correct horse", cheap).value();
  CHECK(hash.starts_with("$argon2id$"));
  CHECK(Passwords::hash("correct horse", cheap).value() != hash);
  const House house({});
  CHECK(house.passwords.matches("correct horse", hash));
  CHECK_FALSE(house.passwords.matches("correct horsf", hash));
  CHECK_FALSE(house.passwords.matches("correct horse ", hash));
  CHECK_FALSE(house.passwords.matches("", hash));
  CHECK_FALSE(house.passwords.matches("correct horse", "no hash"));
  CHECK_FALSE(house.passwords.matches_nothing("a password that nobody has?"));
}

TEST_CASE("passwords: a hash of another cost is still matched") {
  const House house({});
  CHECK(house.passwords.matches("correct horse", Passwords::hash("correct horse", {2, 16384}).value()));
}

TEST_CASE("passwords: the usual cost is what its comment says") {
  CHECK(Passwords::hash("x", PasswordCost{}).value().find("$m=65536,t=2,p=1$") != std::string::npos);
}

TEST_CASE("passwords: so many run at once, the others wait in order") {
  House house({.at_once_max = 2, .waiting_max = 10, .per_lane_max = 10});
  for (const char* name : {"a", "b", "c"}) CHECK(house.add(name, name) == Passwords::Queued::yes);
  house.run();
  CHECK(house.done == std::vector<std::string>{"a", "b"});
  house.open.clear();
  house.run();
  CHECK(house.done == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("passwords: one lane's work runs one after the other, and does not keep others waiting") {
  House house({.at_once_max = 2, .waiting_max = 10, .per_lane_max = 10});
  CHECK(house.add("a", "a1") == Passwords::Queued::yes);
  CHECK(house.add("a", "a2") == Passwords::Queued::yes);
  CHECK(house.add("b", "b1") == Passwords::Queued::yes);
  house.run();
  CHECK(house.done == std::vector<std::string>{"a1", "b1"});
  house.open.erase(house.open.begin());
  house.run();
  CHECK(house.done == std::vector<std::string>{"a1", "b1", "a2"});
}

TEST_CASE("passwords: what waits has a bound, of each lane and of all") {
  House house({.at_once_max = 1, .waiting_max = 3, .per_lane_max = 2});
  CHECK(house.add("a", "a1") == Passwords::Queued::yes);
  CHECK(house.add("a", "a2") == Passwords::Queued::yes);
  CHECK(house.add("a", "a3") == Passwords::Queued::lane_full);
  CHECK(house.add("b", "b1") == Passwords::Queued::yes);
  CHECK(house.add("c", "c1") == Passwords::Queued::all_full);
  while (!house.tasks.empty()) {
    house.run();
    house.open.clear();
  }
  CHECK(house.done == std::vector<std::string>{"a1", "b1", "a2"});
  CHECK(house.add("c", "c1") == Passwords::Queued::yes);
  house.tasks.clear();
  house.open.clear();
}

}  // namespace tally::http::passwords_test
