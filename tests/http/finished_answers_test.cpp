#include "http/finished_answers.h"

#include <doctest/doctest.h>

#include "core/manual.h"

namespace finished_answers_test {

using namespace tally;
using namespace tally::http;

namespace {

Job job(const std::string& account, const std::string& id) {
  Job made;
  made.account = AccountId(account);
  made.id = RequestId(id);
  made.dialect = Dialect::nyne;
  made.status = JobStatus::completed;
  return made;
}

}  // namespace

TEST_CASE("finished answers: a body is found by its dialect, account and id alone") {
  ManualClock clock;
  FinishedAnswers answers(clock);
  answers.keep(job("a", "1"), "body");
  REQUIRE(answers.find(Dialect::nyne, AccountId("a"), "1"));
  CHECK(*answers.find(Dialect::nyne, AccountId("a"), "1") == "body");
  CHECK_FALSE(answers.find(Dialect::own, AccountId("a"), "1"));
  CHECK_FALSE(answers.find(Dialect::nyne, AccountId("b"), "1"));
  CHECK_FALSE(answers.find(Dialect::nyne, AccountId("a"), "2"));
}

TEST_CASE("finished answers: a body goes after a minute") {
  ManualClock clock;
  FinishedAnswers answers(clock);
  answers.keep(job("a", "1"), "body");
  clock.advance_ms(minute_ms - 1);
  CHECK(answers.find(Dialect::nyne, AccountId("a"), "1"));
  clock.advance_ms(1);
  CHECK_FALSE(answers.find(Dialect::nyne, AccountId("a"), "1"));
}

TEST_CASE("finished answers: past the bound the one that nobody asked for longest goes, and a huge one is not kept") {
  ManualClock clock;
  FinishedAnswers answers(clock, 10);
  answers.keep(job("a", "1"), "12345");
  answers.keep(job("a", "2"), "12345");
  CHECK(answers.find(Dialect::nyne, AccountId("a"), "1"));
  answers.keep(job("a", "3"), "12345");
  CHECK(answers.find(Dialect::nyne, AccountId("a"), "1"));
  CHECK_FALSE(answers.find(Dialect::nyne, AccountId("a"), "2"));
  CHECK(answers.find(Dialect::nyne, AccountId("a"), "3"));
  answers.keep(job("a", "4"), std::string(100'000, 'x'));
  CHECK_FALSE(answers.find(Dialect::nyne, AccountId("a"), "4"));
}

}  // namespace finished_answers_test
