#include "core/rate_limit.h"

#include <algorithm>
#include <limits>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t rate_window_version = 1;
constexpr std::array<std::int64_t, 4> window_ms = {second_ms, minute_ms, hour_ms, day_ms};

}  // namespace

RateState RateWindow::take(const RateLimits& limits, UtcTime now) {
  if (limits.none()) return {};
  const std::array<std::optional<std::uint32_t>, 4> allowed = {limits.per_second, limits.per_minute, limits.per_hour,
                                                               limits.per_day};
  RateState state;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const std::int64_t window = now.ms() / window_ms[i];
    // Callers on several threads may arrive a moment out of order: the window before must not wipe the one that has
    // begun. A clock that was set back further than that starts anew.
    if (window > slot.window || window + 1 < slot.window) slot = Slot{window, 0};
    if (allowed[i] && slot.used >= *allowed[i]) state.allowed = false;
  }

  bool first = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (state.allowed && slot.used < std::numeric_limits<std::uint32_t>::max()) ++slot.used;
    if (!allowed[i]) continue;
    const std::uint32_t remaining = *allowed[i] - std::min(*allowed[i], slot.used);
    // Windows come in ascending length and end on each other's edges, so the later one never resets earlier.
    if (!first && remaining > state.remaining) continue;
    first = false;
    state.limit = *allowed[i];
    state.remaining = remaining;
    state.reset_at = UtcTime::from_ms((slot.window + 1) * window_ms[i]);
  }
  const std::int64_t wait_ms = state.reset_at.ms() - now.ms();
  state.reset_seconds = std::max<std::int64_t>(1, (wait_ms + second_ms - 1) / second_ms);
  return state;
}

bool RateWindow::is_over(UtcTime now) const noexcept {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used > 0 && now.ms() / window_ms[i] <= slots_[i].window) return false;
  }
  return true;
}

std::string encode(const RateWindow& window) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(rate_window_version);
  for (const RateWindow::Slot& slot : window.slots_) {
    out.i64(slot.window);
    out.u64(slot.used);
  }
  return bytes;
}

Result<RateWindow> decode_rate_window(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != rate_window_version) in.reject();
  RateWindow window;
  for (RateWindow::Slot& slot : window.slots_) {
    slot.window = in.i64();
    slot.used = read_u32(in);
  }
  if (!in.done()) return fail(Errc::corrupt, "a rate window's row cannot be read");
  return window;
}

}  // namespace tally
