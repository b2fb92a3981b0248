#include "storage/rocksdb/paced_check.h"

#include <doctest/doctest.h>

#include <future>
#include <latch>

#include "core/manual.h"

namespace tally::storage::paced_check_test {

TEST_CASE("paced check: who comes during the first question waits for its answer") {
  const ManualClock clock;
  std::latch asking(1);
  std::latch may_answer(1);
  PacedCheck check(clock, 1000, 100, [&] {
    asking.count_down();
    may_answer.wait();
    return true;
  });
  auto first = std::async(std::launch::async, [&] { return check.get(); });
  asking.wait();
  auto second = std::async(std::launch::async, [&] { return check.get(); });
  may_answer.count_down();
  CHECK(first.get());
  CHECK(second.get());
}

TEST_CASE("paced check: the answer is kept until the time is over or enough progress is reported") {
  ManualClock clock;
  int asked = 0;
  PacedCheck check(clock, 1000, 100, [&] { return ++asked % 2 == 1; });
  CHECK(check.get());
  clock.advance_ms(999);
  CHECK(check.get());
  clock.advance_ms(1);
  CHECK_FALSE(check.get());
  check.progress(99);
  CHECK_FALSE(check.get());
  check.progress(1);
  CHECK(check.get());
  CHECK(asked == 3);
}

}  // namespace tally::storage::paced_check_test
