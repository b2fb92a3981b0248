// What handlers may ask of the server's I/O thread, without knowing how it waits.
#pragma once

#include <cstdint>
#include <functional>

namespace tally::http {

// Coarse one-shot timers, cheap enough for ten thousand long polls, and a way to run something on the I/O thread.
// Thread-safe.
class Loop {
 public:
  enum class TimerId : std::uint64_t {};  // never used twice; 0 is no timer

  virtual ~Loop() = default;

  // Calls `then` once on an I/O thread, not before `ms` have passed and at most a few ticks (ServerOptions::tick_ms)
  // later. A server that stops forgets what is still pending, without calling it.
  virtual TimerId after(std::int64_t ms, std::function<void()> then) = 0;
  // True: `then` will not be called. False: it was, or is being called, or there is no such timer.
  virtual bool cancel(TimerId id) = 0;
  // Calls `work` soon on an I/O thread. Dropped once the server has stopped.
  virtual void post(std::function<void()> work) = 0;
};

}  // namespace tally::http
