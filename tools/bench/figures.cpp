#include "tools/bench/figures.h"

#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "http/json_writer.h"
#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr long tmpfs_magic = 0x01021994;

// Three digits that mean something: 48213 -> "48,213", 0.8412 -> "0.841".
std::string shown(double value) {
  char text[64];
  if (value < 100) {
    std::snprintf(text, sizeof text, value < 10 ? "%.3f" : "%.1f", value);
    return text;
  }
  std::snprintf(text, sizeof text, "%.0f", value);
  std::string digits = text;
  for (std::ptrdiff_t i = std::ssize(digits) - 3; i > 0; i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
  return digits;
}

std::string shown(const std::vector<double>& turns) {
  std::string text;
  for (const double turn : turns) text += (text.empty() ? "" : " ") + shown(turn);
  return text;
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string as_json(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

void write_turns(http::JsonWriter& out, std::string_view name, const std::vector<double>& turns) {
  out.key(name).begin_array();
  for (const double turn : turns) out.raw(as_json(turn));
  out.end_array();
}

}  // namespace

double Figure::value() const {
  return median(turns);
}

std::optional<double> Figure::limit() const {
  if (limit_turns.empty()) return std::nullopt;
  return median(limit_turns);
}

std::optional<double> Figure::ratio() const {
  const auto beside = limit();
  if (!beside || *beside == 0) return std::nullopt;
  return value() / *beside;
}

std::optional<bool> Figure::met() const {
  if (!aim) return std::nullopt;
  const std::optional<double> judged = aim->of_ratio ? ratio() : std::optional(value());
  if (!judged) return std::nullopt;
  return aim->sense == Aim::Sense::at_least ? *judged >= aim->bound : *judged <= aim->bound;
}

void Figures::machine(const Options& options) {
  utsname system{};
  ::uname(&system);
  struct statfs disk {};
  const bool in_memory = ::statfs(options.dir.c_str(), &disk) == 0 && disk.f_type == tmpfs_magic;
  double load[1] = {0};
  ::getloadavg(load, 1);
  const std::int64_t cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  if (json_) {
    std::string line;
    http::JsonWriter out(line);
    out.begin_object()
        .field("cores", cores)
        .field("cpu", cpu_model())
        .field("kernel", std::string_view(system.release));
    out.field("dir", options.dir).field("dir_in_memory", in_memory).key("load").raw(as_json(load[0]));
    out.field("rounds", static_cast<std::int64_t>(options.rounds)).end_object();
    std::printf("%s\n", line.c_str());
  } else {
    std::printf("%lld cores, %s, Linux %s, load %.2f; %llu round(s), medians; scratch in %s%s\n",
                static_cast<long long>(cores), cpu_model().c_str(), system.release, load[0],
                static_cast<unsigned long long>(options.rounds), options.dir.c_str(),
                in_memory ? ", WHICH IS IN MEMORY: durable figures mean nothing" : "");
  }
  std::fflush(stdout);
}

void Figures::add(const Figure& figure) {
  const auto limit = figure.limit();
  const auto ratio = figure.ratio();
  const auto met = figure.met();
  if (json_) {
    std::string line;
    http::JsonWriter out(line);
    out.begin_object().field("name", figure.name).key("value").raw(as_json(figure.value())).field("unit", figure.unit);
    write_turns(out, "turns", figure.turns);
    if (limit) {
      out.field("limit_name", figure.limit_name).key("limit").raw(as_json(*limit));
      write_turns(out, "limit_turns", figure.limit_turns);
    }
    if (ratio) out.key("ratio").raw(as_json(*ratio));
    if (figure.aim) {
      out.key("aim").begin_object().field("of", figure.aim->of_ratio ? "ratio" : "value");
      out.key(figure.aim->sense == Aim::Sense::at_least ? "at_least" : "at_most").raw(as_json(figure.aim->bound));
      out.end_object();
    }
    if (met) out.field("met", *met);
    out.field("conditions", figure.conditions).end_object();
    std::printf("%s\n", line.c_str());
  } else {
    std::printf("\n%-28s %10s %s", figure.name.c_str(), shown(figure.value()).c_str(), figure.unit.c_str());
    if (ratio) std::printf(" = %s x %s (%s)", shown(*ratio).c_str(), figure.limit_name.c_str(), shown(*limit).c_str());
    if (figure.aim) {
      std::printf("   aim %s %s%s%s",
                  figure.aim->sense == Aim::Sense::at_least ? ">=" : "<=", shown(figure.aim->bound).c_str(),
                  figure.aim->of_ratio ? " x" : "",
                  !met   ? ""
                  : *met ? ", met"
                         : ", NOT MET");
    }
    std::printf("\n    %s\n", figure.conditions.c_str());
    if (figure.turns.size() > 1) std::printf("    turns: %s\n", shown(figure.turns).c_str());
    if (figure.limit_turns.size() > 1) std::printf("    limit: %s\n", shown(figure.limit_turns).c_str());
  }
  std::fflush(stdout);
}

void Figures::checked(const std::string& what) const {
  if (!json_) std::printf("    checked: %s\n", what.c_str());
}

}  // namespace tally::tools::bench
