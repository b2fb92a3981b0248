// Server-Sent Events about one report job: its states and progress, until it is finished.
//
//   retry: 2000
//   event: status      data: the job as a poll shows it, without an inline result;  id: <status>.<attempt>.<done>
//   : (a comment)      after keep_alive_ms without an event
//   event: shutdown    data: {}; the server is stopping: connect again, elsewhere or later
//
// The stream ends after the event of a finished job. A client that comes back with the id of that event as
// `Last-Event-ID` gets 204, which tells an EventSource to stay away. No thread waits: what happened is written when a
// commit tells of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/job.h"
#include "http/loop.h"
#include "http/request.h"

namespace tally::http {

inline constexpr std::int64_t event_keep_alive_ms = 15'000;
inline constexpr std::size_t event_bytes_waiting_max = 16 * 1024;  // for one client that does not read

// Whether `Accept` prefers events to JSON.
bool wants_events(const Request& request);

// Thread-safe. Must outlive the server's I/O threads.
class JobStreams {
 public:
  using Find = std::function<Result<Job>(const AccountId& account, const RequestId& id)>;
  // `loop` is asked for at the first stream.
  JobStreams(Find find, std::function<Loop&()> loop) : find_(std::move(find)), loop_(std::move(loop)) {}

  // The answer that begins the stream, or the problem when `find` has none.
  Response open(const AccountId& account, const RequestId& id, std::string_view last_event_id);

  // To be told of each job as it was committed. Cheap while nobody listens to it.
  void changed(const Job& job);

  // Ends every stream, and those to come at once.
  void stop();

  std::size_t streams() const noexcept { return count_; }

 private:
  class Stream;
  using StreamPtr = std::shared_ptr<Stream>;
  void remove(const Stream& stream);
  void keep_alive(const std::weak_ptr<Stream>& stream);

  const Find find_;
  const std::function<Loop&()> loop_;
  std::mutex mutex_;
  std::unordered_map<RequestId, std::vector<StreamPtr>> streams_;
  std::atomic<std::size_t> count_{0};
  bool stopped_ = false;
};

}  // namespace tally::http
