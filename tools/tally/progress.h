// A progress bar on a terminal's last line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tools/tally/session.h"

namespace tally::tools {

inline constexpr const char* wipe_line = "\r\x1b[K";

// One frame: `[#######---------]  43%  4300 lines  52000 lines/s`. Without a known total there is no bar.
std::string progress_text(std::uint64_t bytes, std::optional<std::uint64_t> total_bytes, std::uint64_t lines,
                          double seconds);

// Draws on the session's `err`, ten times a second at most, and only if that is a terminal (Settings::progress).
class Progress {
 public:
  Progress(Session& session, std::optional<std::uint64_t> total_bytes);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(std::uint64_t bytes, std::uint64_t lines);

 private:
  Session& session_;
  const std::optional<std::uint64_t> total_bytes_;
  const MonoTime begun_;
  MonoTime drawn_;
  bool visible_ = false;
};

}  // namespace tally::tools
