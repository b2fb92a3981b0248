// Large bytes in less room: what is written to the log and synced costs more than packing it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace tally::storage {

// LZ4, where that saves something; else the bytes as they are. What it gives is read by unpacked() alone.
std::string packed(std::string bytes);

// What packed() was given, also of bytes that were stored before there was packing. Errc::corrupt when they cannot be
// read.
Result<std::string> unpacked(std::string_view bytes);

}  // namespace tally::storage
