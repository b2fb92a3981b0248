#include "core/system.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace tally {
namespace {

std::int64_t read_clock_ns(clockid_t id) {
  timespec ts{};
  if (clock_gettime(id, &ts) != 0) throw std::system_error(errno, std::generic_category(), "clock_gettime");
  return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

void fill_from_kernel(std::span<unsigned char> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

// Up to 256 bytes come from the kernel without an interruption; more in one go would make a draw wait for no gain.
struct Pool {
  std::array<unsigned char, 256> bytes;
  std::size_t used = 256;
};

}  // namespace

UtcTime SystemClock::now() const {
  return UtcTime::from_ms(read_clock_ns(CLOCK_REALTIME) / 1'000'000);
}

MonoTime SystemClock::mono() const {
  return MonoTime{read_clock_ns(CLOCK_MONOTONIC)};
}

void SystemRandom::fill(std::span<unsigned char> bytes) {
  thread_local Pool pool;
  if (bytes.size() > pool.bytes.size() / 4) return fill_from_kernel(bytes);
  if (bytes.size() > pool.bytes.size() - pool.used) {
    fill_from_kernel(pool.bytes);
    pool.used = 0;
  }
  unsigned char* source = pool.bytes.data() + pool.used;
  std::copy_n(source, bytes.size(), bytes.data());
  // What was given out may become a secret: it must not be found in the pool afterwards.
  explicit_bzero(source, bytes.size());
  pool.used += bytes.size();
}

}  // namespace tally
