#include "http/body_stream.h"

#include <mutex>
#include <utility>

namespace tally::http {

struct BodyPipe {
  explicit BodyPipe(std::size_t bytes_max) : waiting_bytes_max(bytes_max) {}

  const std::size_t waiting_bytes_max;
  std::mutex mutex;
  std::string waiting;
  bool ended = false;
  bool overrun = false;
  bool gone = false;
  std::function<void()> wake;
  std::function<void()> on_gone;
  std::function<void()> on_taken;
};

namespace {

// Calls what the pipe holds without holding its lock.
void call(const std::function<void()>& what) {
  if (what) what();
}

}  // namespace

bool BodyWriter::write(std::string_view bytes) {
  std::function<void()> wake;
  bool kept = false;
  {
    const std::scoped_lock lock(pipe_->mutex);
    if (pipe_->ended || pipe_->gone || pipe_->overrun) return false;
    kept = pipe_->waiting.size() + bytes.size() <= pipe_->waiting_bytes_max;
    if (pipe_->waiting.empty() || !kept) wake = pipe_->wake;
    if (kept) {
      pipe_->waiting.append(bytes);
    } else {
      pipe_->overrun = true;
    }
  }
  call(wake);
  return kept;
}

void BodyWriter::end() {
  std::function<void()> wake;
  {
    const std::scoped_lock lock(pipe_->mutex);
    if (std::exchange(pipe_->ended, true)) return;
    wake = pipe_->wake;
    pipe_->on_gone = nullptr;
  }
  call(wake);
}

void BodyWriter::on_gone(std::function<void()> then) {
  {
    const std::scoped_lock lock(pipe_->mutex);
    if (pipe_->ended) return;
    if (!pipe_->gone) {
      pipe_->on_gone = std::move(then);
      return;
    }
  }
  then();
}

void BodyWriter::on_taken(std::function<void()> then) {
  {
    const std::scoped_lock lock(pipe_->mutex);
    if (pipe_->gone || pipe_->overrun) return;
    if (!pipe_->waiting.empty()) {
      pipe_->on_taken = std::move(then);
      return;
    }
  }
  then();
}

void BodyWriter::fail() {
  std::function<void()> wake;
  {
    const std::scoped_lock lock(pipe_->mutex);
    if (pipe_->ended || std::exchange(pipe_->overrun, true)) return;
    wake = pipe_->wake;
    pipe_->on_gone = nullptr;
  }
  call(wake);
}

BodyReader::~BodyReader() {
  std::function<void()> on_gone;
  std::function<void()> on_taken;  // dropped without the lock, as it may own the writer
  {
    const std::scoped_lock lock(pipe_->mutex);
    pipe_->gone = true;
    pipe_->wake = nullptr;
    on_taken = std::exchange(pipe_->on_taken, nullptr);
    on_gone = std::exchange(pipe_->on_gone, nullptr);
  }
  call(on_gone);
}

void BodyReader::on_more(std::function<void()> wake) {
  const std::scoped_lock lock(pipe_->mutex);
  pipe_->wake = std::move(wake);
}

BodyReader::Piece BodyReader::take() {
  Piece piece;
  std::function<void()> on_taken;
  {
    const std::scoped_lock lock(pipe_->mutex);
    piece = {std::exchange(pipe_->waiting, {}), pipe_->ended, pipe_->overrun};
    on_taken = std::exchange(pipe_->on_taken, nullptr);
  }
  call(on_taken);
  return piece;
}

BodyEnds make_body_stream(std::size_t waiting_bytes_max) {
  auto pipe = std::make_shared<BodyPipe>(waiting_bytes_max);
  return {std::make_shared<BodyWriter>(pipe), std::make_shared<BodyReader>(pipe)};
}

}  // namespace tally::http
