// Work that saves its result in parts.
#include "tests/queue/jobs_house.h"

namespace jobs_parts_test {

using namespace tally;
using namespace tally::queue_test;

TEST_CASE("jobs: parts and the place to go on are saved together, and the next attempt finds both") {
  House house;
  house.work = [](const Job&, JobContext& context) -> Result<std::string> {
    REQUIRE(context.saved().value().parts == 0);
    REQUIRE(context.save({{"first", "second"}, "behind two", 2, 5}));
    return fail(Errc::unavailable, "cut");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::queued);
  CHECK(house.find(job.id).progress_done == 2);
  house.work = [](const Job&, JobContext& context) -> Result<std::string> {
    const auto saved = context.saved().value();
    CHECK(saved.checkpoint == "behind two");
    CHECK(saved.parts == 2);
    CHECK(saved.bytes == 11);
    REQUIRE(context.save({{"third"}, "behind three", 3, 5}));
    return std::string("all");
  };
  house.clock.advance_ms(minute_ms);
  house.runner->tick();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::completed);
  CHECK(house.rows(Table::checkpoint) == 0);
  const auto read = [&](std::uint64_t from) {
    std::string all;
    CHECK(house.jobs->read_parts(acme, job.id, 3, from, [&](std::uint64_t begins_at, std::string_view bytes) {
      all += std::to_string(begins_at) + ":" + std::string(bytes) + " ";
      return true;
    }));
    return all;
  };
  CHECK(read(0) == "0:first 5:second 11:third ");
  CHECK(read(4) == "0:first 5:second 11:third ");
  CHECK(read(5) == "5:second 11:third ");
  CHECK(read(15) == "11:third ");
}

TEST_CASE("jobs: large results and parts lie packed in the store, and are read back whole") {
  House house;
  std::string large;
  for (int i = 0; i < 2'000; ++i) large += "acme,people/search," + std::to_string(i) + "\r\n";
  house.work = [&](const Job&, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{large, large}, "behind two", 2, 2}));
    return large;
  };
  const Job job = *house.submit();
  house.settle();
  REQUIRE(house.find(job.id).status == JobStatus::completed);
  CHECK(house.find(job.id).saved_bytes == 2 * large.size());
  CHECK(house.jobs->result(acme, job.id).value() == large);
  for (const Table table : {Table::job_result, Table::result_part}) {
    REQUIRE(house.store.scan(table, acme, {}, [&](std::string_view, std::string_view row) {
      CHECK(row.size() * 2 < large.size());
      return true;
    }));
  }
  std::vector<std::uint64_t> begins;
  REQUIRE(house.jobs->read_parts(acme, job.id, 2, 0, [&](std::uint64_t begins_at, std::string_view bytes) {
    begins.push_back(begins_at);
    CHECK(bytes == large);
    return true;
  }));
  CHECK(begins == std::vector<std::uint64_t>{0, large.size()});
}

TEST_CASE("jobs: a result whose parts were not all saved is refused") {
  House house;
  house.work = [&](const Job& job, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    Job forgetful = job;  // knows nothing of the part
    house.commit();
    house.jobs->complete(forgetful, "wrong", [](const Result<Job>& stored) {
      REQUIRE_FALSE(stored);
      CHECK(stored.error().code == Errc::conflict);
    });
    house.commit();
    return std::string("right");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(*house.jobs->result(acme, job.id) == "right");
}

TEST_CASE("jobs: a cancelled job's work is told at once, and what it saves later is refused and erased") {
  House house;
  house.work = [&](const Job& job, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    house.jobs->cancel(job.account, job.id, nullptr);
    CHECK_FALSE(context.abandoned());
    house.commit();
    CHECK(context.abandoned());
    REQUIRE(context.save({{"two"}, "2", 2, 2}));
    house.commit();
    CHECK(context.save({{"three"}, "3", 2, 2}).error().code == Errc::conflict);
    return fail(Errc::unavailable, "not wanted");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::cancelled);
  CHECK(house.rows(Table::result_part) == 0);
  CHECK(house.rows(Table::checkpoint) == 0);
}

TEST_CASE("jobs: work that begins behind the job's cancellation knows at once that nobody wants it") {
  House house;
  bool abandoned = false;
  house.work = [&](const Job&, JobContext& context) -> Result<std::string> {
    abandoned = context.abandoned();
    return fail(Errc::unavailable, "not wanted");
  };
  const Job job = *house.submit();
  REQUIRE(house.tasks.size() == 1);  // claimed
  house.jobs->cancel(acme, job.id, nullptr);
  house.settle();
  CHECK(abandoned);
}

TEST_CASE("jobs: a stop ends batch work without a mark, and the next start goes on") {
  House house;
  house.work = [&](const Job&, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    house.runner->stop();
    CHECK(context.abandoned());
    return fail(Errc::unavailable, "stopping");
  };
  Job order;
  order.account = storage::system_account();
  order.request = "all";
  RequestId id;
  house.jobs->submit(order, [&](const Result<Job>& stored) { id = stored->id; });
  house.settle();
  CHECK(house.runner->in_flight() == 0);
  CHECK(house.jobs->find(storage::system_account(), id)->status == JobStatus::processing);
  house.work = [](const Job&, JobContext& context) -> Result<std::string> { return context.saved()->checkpoint; };
  house.start();
  house.runner->tick();
  house.settle();
  CHECK(*house.jobs->result(storage::system_account(), id) == "1");
}

}  // namespace jobs_parts_test
