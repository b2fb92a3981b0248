#include "http/accept.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "http/header_check.h"

namespace tally::http {

namespace {

// Takes the part before the next `separator` that stands in no quoted string.
std::string_view next_part(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != separator); ++end) {
    if (rest[end] == '"') quoted = !quoted;
    if (rest[end] == '\\' && quoted) ++end;
  }
  end = std::min(end, rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trim(part);
}

// "0.25" as 250: a digit 0 or 1 and at most three decimals, none of them above 1.
std::optional<int> weight_of(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    weight += (digit - '0') * unit;
    unit /= 10;
  }
  if (weight > 1000) return std::nullopt;
  return weight;
}

struct Range {
  std::string_view type;
  int weight = 1000;
};

// A media range; nothing if it is malformed or has parameters, which none of the offers has.
std::optional<Range> range_of(std::string_view text) noexcept {
  Range range{next_part(text, ';')};
  const std::size_t slash = range.type.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == range.type.size()) return std::nullopt;
  while (!text.empty()) {
    const std::string_view parameter = next_part(text, ';');
    if (parameter.empty()) continue;
    if (parameter.size() < 2 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') return std::nullopt;
    const auto weight = weight_of(parameter.substr(2));
    if (!weight) return std::nullopt;
    range.weight = *weight;
    break;  // what follows the weight are extensions
  }
  return range;
}

// 3: the type itself, 2: "application/*", 1: "*/*", 0: not named.
int specificity(std::string_view range, std::string_view type) noexcept {
  if (range == "*/*") return 1;
  if (equals_ignoring_case(range, type)) return 3;
  const std::size_t slash = type.find('/') + 1;
  return range.ends_with("/*") && equals_ignoring_case(range.substr(0, range.size() - 1), type.substr(0, slash)) ? 2
                                                                                                                 : 0;
}

}  // namespace

std::size_t preferred_type(const Request& request, std::span<const std::string_view> offered) {
  std::vector<Range> ranges;
  for (const auto& [name, value] : request.headers) {
    if (name != "accept") continue;
    for (std::string_view rest = value; !rest.empty();) {
      if (const auto range = range_of(next_part(rest, ','))) ranges.push_back(*range);
    }
  }
  std::size_t best = 0;
  int best_weight = 0;
  int best_named = 0;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    int named = 0;
    int weight = 0;
    for (const Range& range : ranges) {
      const int here = specificity(range.type, offered[i]);
      if (here > named || (here == named && here > 0 && range.weight > weight)) weight = range.weight;
      named = std::max(named, here);
    }
    if (std::tie(weight, named) <= std::tie(best_weight, best_named) || weight == 0) continue;
    best = i;
    best_weight = weight;
    best_named = named;
  }
  return best;
}

}  // namespace tally::http
