#include "http/job_streams.h"

#include <algorithm>
#include <array>

#include "http/accept.h"
#include "http/body_stream.h"
#include "http/problem.h"
#include "http/report_wire.h"

namespace tally::http {

namespace {

constexpr std::string_view event_stream = "text/event-stream";
constexpr std::string_view retry_line = "retry: 2000\n\n";
constexpr std::string_view shutdown_event = "event: shutdown\ndata: {}\n\n";

std::string event_id(const Job& job) {
  return std::string(to_string(job.status)) + "." + std::to_string(job.attempts) + "." +
         std::to_string(job.progress_done);
}

std::string status_event(const Job& job) {
  std::string text = "event: status\nid: " + event_id(job) + "\ndata: ";
  JsonWriter out(text);
  out.begin_object();
  write_job(out, job);
  if (job.status == JobStatus::completed) out.field("result_url", status_url(job) + "/result");
  out.end_object();
  text += "\n\n";
  return text;
}

// What of a job the last event told.
struct Told {
  JobStatus status;
  std::uint64_t token;
  std::uint64_t progress_done;
};

// Changes are told in commit order, but the look at the start may come before or after them.
bool is_later(const Job& job, const Told& told) {
  if (told.status >= JobStatus::completed) return false;
  if (job.finished()) return true;
  if (job.token != told.token) return job.token > told.token;
  return job.status != told.status || job.progress_done > told.progress_done;
}

}  // namespace

bool wants_events(const Request& request) {
  constexpr std::array<std::string_view, 2> offered{"application/json", event_stream};
  return preferred_type(request, offered) == 1;
}

class JobStreams::Stream {
 public:
  Stream(RequestId request, std::shared_ptr<BodyWriter> body) : id(std::move(request)), writer_(std::move(body)) {}

  // True: it goes on.
  bool tell(const Job& job) {
    const std::scoped_lock lock(mutex_);
    if (told_ && !is_later(job, *told_)) return told_->status < JobStatus::completed;
    told_ = Told{job.status, job.token, job.progress_done};
    quiet_ = false;
    const bool open = writer_->write(status_event(job));
    if (job.finished()) writer_->end();
    return open && !job.finished();
  }
  bool comment_if_quiet() {
    const std::scoped_lock lock(mutex_);
    return !std::exchange(quiet_, true) || writer_->write(":\n\n");
  }
  void shut_down() {
    writer_->write(shutdown_event);
    writer_->end();
  }
  BodyWriter& writer() { return *writer_; }

  const RequestId id;
  std::atomic<Loop::TimerId> timer{};

 private:
  std::mutex mutex_;
  const std::shared_ptr<BodyWriter> writer_;
  std::optional<Told> told_;
  bool quiet_ = true;
};

Response JobStreams::open(const AccountId& account, const RequestId& id, std::string_view last_event_id) {
  auto job = find_(account, id);
  if (!job) return problem(job.error());
  Response response;
  if (job->finished() && last_event_id == event_id(*job)) {
    response.status = 204;
    return response;
  }
  response.content_type = event_stream;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = retry_line;
  auto ends = make_body_stream(event_bytes_waiting_max);
  response.stream = std::move(ends.reader);
  const auto stream = std::make_shared<Stream>(id, std::move(ends.writer));
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) {
      stream->shut_down();
      return response;
    }
    streams_[id].push_back(stream);
    ++count_;
  }
  // Looked at again now that changes are told, so that none is missed between the look and the telling.
  job = find_(account, id);
  if (job && !stream->tell(*job)) {
    remove(*stream);
    return response;
  }
  stream->writer().on_gone([this, weak = std::weak_ptr(stream)] {
    if (const auto gone = weak.lock()) remove(*gone);
  });
  keep_alive(stream);
  return response;
}

void JobStreams::keep_alive(const std::weak_ptr<Stream>& weak) {
  const auto stream = weak.lock();
  if (!stream) return;
  stream->timer = loop_().after(event_keep_alive_ms, [this, weak] {
    const auto quiet = weak.lock();
    if (!quiet) return;
    if (!quiet->comment_if_quiet()) return remove(*quiet);
    keep_alive(weak);
  });
}

void JobStreams::changed(const Job& job) {
  if (count_ == 0) return;
  std::vector<StreamPtr> listening;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = streams_.find(job.id);
    if (found == streams_.end()) return;
    listening = found->second;
  }
  for (const StreamPtr& stream : listening) {
    if (!stream->tell(job)) remove(*stream);
  }
}

void JobStreams::remove(const Stream& stream) {
  StreamPtr removed;  // declared first: it ends after the lock
  {
    const std::scoped_lock lock(mutex_);
    const auto found = streams_.find(stream.id);
    if (found == streams_.end()) return;
    auto& all = found->second;
    const auto place = std::find_if(all.begin(), all.end(), [&](const StreamPtr& one) { return one.get() == &stream; });
    if (place == all.end()) return;
    removed = std::move(*place);
    all.erase(place);
    if (all.empty()) streams_.erase(found);
    --count_;
  }
  loop_().cancel(removed->timer);
}

void JobStreams::stop() {
  std::unordered_map<RequestId, std::vector<StreamPtr>> all;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    all.swap(streams_);
    count_ = 0;
  }
  for (const auto& [id, streams] : all) {
    for (const StreamPtr& stream : streams) stream->shut_down();
  }
}

}  // namespace tally::http
