#include "http/job_streams.h"

#include <doctest/doctest.h>

#include <map>

#include "http/body_stream.h"
#include "http/router.h"

namespace tally::http::job_streams_test {

// Timers that a test fires by hand.
class HandLoop final : public Loop {
 public:
  TimerId after(std::int64_t ms, std::function<void()> then) override {
    CHECK(ms == event_keep_alive_ms);
    timers[++last] = std::move(then);
    return TimerId{last};
  }
  bool cancel(TimerId id) override { return timers.erase(static_cast<std::uint64_t>(id)) > 0; }
  void post(std::function<void()> work) override { work(); }
  void fire() {
    auto due = std::exchange(timers, {});
    for (auto& [id, then] : due) then();
  }
  std::uint64_t last = 0;
  std::map<std::uint64_t, std::function<void()>> timers;
};

struct House {
  Job job;
  HandLoop loop;
  JobStreams streams{[this](const AccountId& account, const RequestId& id) -> Result<Job> {
                       if (account != job.account || id != job.id) return fail(Errc::not_found, "no such report");
                       return job;
                     },
                     [this]() -> Loop& { return loop; }};
  House() {
    job.id = RequestId("r1");
    job.account = AccountId("acme");
  }
  Response open(std::string_view last_event_id = {}) { return streams.open(job.account, job.id, last_event_id); }
  void become(JobStatus status, std::uint64_t done = 0, std::uint64_t total = 0) {
    if (status == JobStatus::processing && job.status == JobStatus::queued) ++job.token, ++job.attempts;
    job.status = status;
    job.progress_done = done;
    job.progress_total = total;
    streams.changed(job);
  }
};

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST_CASE("events: a stream tells the state at once, each change, and ends with the final one") {
  House house;
  const Response response = house.open();
  CHECK(response.status == 200);
  CHECK(response.content_type == "text/event-stream");
  CHECK(response.body == "retry: 2000\n\n");
  REQUIRE(response.stream);
  auto piece = response.stream->take();
  CHECK(piece.bytes.starts_with("event: status\nid: queued.0.0\ndata: {\"request_id\":\"r1\",\"status\":\"queued\""));
  CHECK(piece.bytes.ends_with("}\n\n"));
  house.become(JobStatus::processing);
  house.become(JobStatus::processing, 30, 100);
  house.become(JobStatus::processing, 30, 100);
  piece = response.stream->take();
  CHECK(count(piece.bytes, "event: status\n") == 2);
  CHECK(piece.bytes.find("id: processing.1.30\n") != std::string::npos);
  CHECK(piece.bytes.find(R"("progress":{"done":30,"total":100})") != std::string::npos);
  CHECK(!piece.last);
  CHECK(house.streams.streams() == 1);
  house.become(JobStatus::completed, 100, 100);
  piece = response.stream->take();
  CHECK(piece.bytes.find(R"("result_url":"/v1/reports/r1/result")") != std::string::npos);
  CHECK(piece.last);
  CHECK(house.streams.streams() == 0);
  CHECK(house.loop.timers.empty());
}

TEST_CASE("events: of a finished job there is one, and who has it already is told to stay away") {
  House house;
  house.job.status = JobStatus::failed;
  house.job.error_code = "too_large";
  const Response response = house.open();
  const auto piece = response.stream->take();
  CHECK(piece.bytes.find(R"("error":{"code":"too_large")") != std::string::npos);
  CHECK(piece.last);
  const Response again = house.open("failed.0.0");
  CHECK(again.status == 204);
  CHECK(!again.stream);
  CHECK(house.open("processing.1.0").status == 200);
}

TEST_CASE("events: another account's job is as missing as one that never was") {
  House house;
  CHECK(house.streams.open(AccountId("beta"), house.job.id, "").status == 404);
  CHECK(house.streams.open(house.job.account, RequestId("r2"), "").status == 404);
  CHECK(house.streams.streams() == 0);
}

TEST_CASE("events: what came before in commit order is not told after what came later") {
  House house;
  const Response response = house.open();
  (void)response.stream->take();
  house.become(JobStatus::processing, 50, 100);
  (void)response.stream->take();
  Job late = house.job;
  late.progress_done = 20;
  house.streams.changed(late);
  late.token = 0;
  late.status = JobStatus::queued;
  house.streams.changed(late);
  CHECK(response.stream->take().bytes.empty());
}

TEST_CASE("events: a quiet stream gets a comment now and then, one that told something does not") {
  House house;
  const Response response = house.open();
  (void)response.stream->take();
  house.loop.fire();
  CHECK(response.stream->take().bytes.empty());
  house.loop.fire();
  CHECK(response.stream->take().bytes == ":\n\n");
  CHECK(house.loop.timers.size() == 1);
}

TEST_CASE("events: a client that is gone costs nothing any more") {
  House house;
  Response response = house.open();
  CHECK(house.streams.streams() == 1);
  response.stream.reset();
  CHECK(house.streams.streams() == 0);
  CHECK(house.loop.timers.empty());
  house.become(JobStatus::completed);
}

TEST_CASE("events: a client that reads nothing is cut off at the bound") {
  House house;
  const Response response = house.open();
  for (std::uint64_t done = 1; done < 2000 && house.streams.streams() > 0; ++done)
    house.become(JobStatus::processing, done, 2000);
  CHECK(house.streams.streams() == 0);
  CHECK(response.stream->take().overrun);
}

TEST_CASE("events: when the server stops every stream is told and ends, those to come too") {
  House house;
  const Response response = house.open();
  (void)response.stream->take();
  house.streams.stop();
  auto piece = response.stream->take();
  CHECK(piece.bytes == "event: shutdown\ndata: {}\n\n");
  CHECK(piece.last);
  const Response late = house.open();
  piece = late.stream->take();
  CHECK(piece.bytes == "event: shutdown\ndata: {}\n\n");
  CHECK(piece.last);
}

TEST_CASE("events: they are given to who prefers them to JSON") {
  Request request;
  CHECK(!wants_events(request));
  request.headers = {{"accept", "*/*"}};
  CHECK(!wants_events(request));
  request.headers = {{"accept", "text/event-stream"}};
  CHECK(wants_events(request));
  request.headers = {{"accept", "application/json, text/event-stream;q=0.5"}};
  CHECK(!wants_events(request));
}

}  // namespace tally::http::job_streams_test
