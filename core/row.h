// What stored rows have in common: times, credits, counters, closed enums and small numbers. A value outside its type's
// range fails the Decoder, so that no row yields one.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "core/codec.h"
#include "core/credits.h"
#include "core/rollup.h"
#include "core/time.h"

namespace tally {

inline void write_time(Encoder& out, UtcTime t) {
  out.i64(t.ms());
}

inline UtcTime read_time(Decoder& in) {
  const UtcTime t = UtcTime::from_ms(in.i64());
  if (t < UtcTime() || t > utc_time_max) in.reject();
  return in.ok() ? t : UtcTime();
}

inline void write_credits(Encoder& out, Credits v) {
  out.i64(v.micros());
}
inline Credits read_credits(Decoder& in) {
  return Credits::from_micros(in.i64());
}

inline void write_counters(Encoder& out, const Counters& counters) {
  out.i64(counters.requests);
  out.i64(counters.ok);
  out.i64(counters.failed);
  out.i64(counters.results);
  out.i64(counters.credits_micros);
}

inline Counters read_counters(Decoder& in) {
  Counters counters;
  counters.requests = in.i64();
  counters.ok = in.i64();
  counters.failed = in.i64();
  counters.results = in.i64();
  counters.credits_micros = in.i64();
  return counters;
}

inline std::uint32_t read_u32(Decoder& in) {
  const std::uint64_t v = in.u64();
  if (v > std::numeric_limits<std::uint32_t>::max()) in.reject();
  return in.ok() ? static_cast<std::uint32_t>(v) : 0;
}

inline int read_int(Decoder& in) {
  const std::int64_t v = in.i64();
  if (v < std::numeric_limits<int>::min() || v > std::numeric_limits<int>::max()) in.reject();
  return in.ok() ? static_cast<int>(v) : 0;
}

inline std::string read_string(Decoder& in) {
  return std::string(in.text());
}

// Enums of rows count from 1 without a hole up to `last`.
template <class Enum>
void write_enum(Encoder& out, Enum v) {
  out.u8(static_cast<std::uint8_t>(v));
}

template <class Enum>
Enum read_enum(Decoder& in, Enum last) {
  static_assert(std::is_same_v<std::underlying_type_t<Enum>, std::uint8_t>);
  const std::uint8_t v = in.u8();
  if (v < 1 || v > static_cast<std::uint8_t>(last)) in.reject();
  return in.ok() ? static_cast<Enum>(v) : last;
}

template <class T, class Write>
void write_optional(Encoder& out, const std::optional<T>& v, Write write) {
  out.boolean(v.has_value());
  if (v) write(out, *v);
}

template <class Read>
auto read_optional(Decoder& in, Read read) -> std::optional<decltype(read(in))> {
  if (!in.boolean()) return std::nullopt;
  return read(in);
}

}  // namespace tally
