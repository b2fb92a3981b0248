#include "tools/tally/progress.h"

#include <algorithm>

namespace tally::tools {
namespace {

constexpr std::uint64_t bar_width = 30;
constexpr std::int64_t redraw_ns = 100'000'000;

std::string right(std::string text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace

std::string progress_text(std::uint64_t bytes, std::optional<std::uint64_t> total_bytes, std::uint64_t lines,
                          double seconds) {
  std::string text;
  if (total_bytes && *total_bytes > 0) {
    const std::uint64_t share = std::min(bytes, *total_bytes);
    const auto filled = static_cast<std::size_t>(share * bar_width / *total_bytes);
    text = "[" + std::string(filled, '#') + std::string(bar_width - filled, '-') + "] " +
           right(std::to_string(share * 100 / *total_bytes), 3) + "%  ";
  }
  text += std::to_string(lines) + " lines";
  if (seconds > 0)
    text += "  " + std::to_string(static_cast<std::uint64_t>(static_cast<double>(lines) / seconds)) + " lines/s";
  return text;
}

Progress::Progress(Session& session, std::optional<std::uint64_t> total_bytes)
    : session_(session), total_bytes_(total_bytes), begun_(session.clock.mono()), drawn_(begun_) {}

Progress::~Progress() {
  if (visible_) session_.err << wipe_line << std::flush;
}

void Progress::update(std::uint64_t bytes, std::uint64_t lines) {
  if (!session_.settings.progress) return;
  const MonoTime now = session_.clock.mono();
  if (now.ns - drawn_.ns < redraw_ns) return;
  drawn_ = now;
  visible_ = true;
  const double seconds = static_cast<double>(now.ns - begun_.ns) / 1e9;
  session_.err << wipe_line << progress_text(bytes, total_bytes_, lines, seconds) << std::flush;
}

}  // namespace tally::tools
