#include "tools/tally/ledger_export.h"

#include <limits>

#include "http/ledger_wire.h"
#include "tools/tally/ledger_reader.h"

namespace tally::tools {
namespace {

using http::JsonReader;
using http::JsonWriter;

constexpr std::string_view format_name = "tally-ledger-1";
constexpr const char* misspelled = "is not spelled as an export spells it";
constexpr std::int64_t count_max = std::numeric_limits<std::int64_t>::max();

std::int64_t signed_count(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

// Each line without its line feed.

std::string head_line(UtcTime made_at, std::uint64_t accounts) {
  std::string line;
  JsonWriter out(line);
  out.begin_object().field("format", format_name).field("made_at", made_at);
  out.field("accounts", signed_count(accounts)).end_object();
  return line;
}

std::string lot_line(const AccountId& account, const Lot& lot, Credits remaining) {
  std::string line;
  JsonWriter out(line);
  out.begin_object().field("account", account.str()).key("lot");
  http::write_lot(out, lot, remaining);
  out.end_object();
  return line;
}

std::string entry_line(const AccountId& account, const LedgerEntry& entry) {
  std::string line;
  JsonWriter out(line);
  out.begin_object().field("account", account.str()).key("entry");
  http::write_entry(out, account, entry);
  out.end_object();
  return line;
}

std::string hold_line(const AccountId& account, const Hold& hold) {
  std::string line;
  JsonWriter out(line);
  out.begin_object().field("account", account.str()).key("hold");
  http::write_hold(out, account, hold);
  out.key("reserved").credits_string(hold.reserved).end_object();
  return line;
}

std::string state_line(const AccountId& account, const AccountFigures& figures) {
  const LedgerState& state = figures.state;
  std::string line;
  JsonWriter out(line);
  out.begin_object().field("account", account.str()).key("state").begin_object();
  out.key("balance").credits_string(state.balance).key("reserved").credits_string(state.reserved);
  out.key("available").credits_string(state.available()).key("debt").credits_string(state.debt());
  out.field("last_entry", signed_count(state.last_entry)).field("last_lot", signed_count(state.last_lot));
  out.field("last_hold", signed_count(state.last_hold)).field("last_at", state.last_at);
  out.field("last_hash", to_hex(state.last_hash)).key("open_holds");
  if (figures.open_holds) {
    out.number(signed_count(*figures.open_holds));
  } else {
    out.null();
  }
  out.end_object().end_object();
  return line;
}

std::string end_line(const LedgerCounts& counts, std::string_view sha256) {
  std::string line;
  JsonWriter out(line);
  out.begin_object().key("end").begin_object().field("accounts", signed_count(counts.accounts));
  out.field("lots", signed_count(counts.lots)).field("entries", signed_count(counts.entries));
  out.field("holds", signed_count(counts.holds)).field("sha256", sha256).end_object().end_object();
  return line;
}

// Into a state that has its open lots already.
void read_figures(JsonReader& line, AccountFigures& figures) {
  LedgerState& state = figures.state;
  JsonReader in(line.object("state"), "state");
  const auto number = [&in](std::string_view name) {
    return static_cast<std::uint64_t>(in.integer(name, 0, count_max));
  };
  state.balance = in.credits("balance");
  state.reserved = in.credits("reserved");
  const Credits available = in.credits("available");
  const Credits debt = in.credits("debt");
  state.last_entry = number("last_entry");
  state.last_lot = number("last_lot");
  state.last_hold = number("last_hold");
  state.last_at = in.time("last_at");
  if (const auto hash = read_digest(in.string("last_hash"))) state.last_hash = *hash;
  if (!in.is_null("open_holds")) figures.open_holds = number("open_holds");
  if (const auto owed = subtract(state.in_lots, state.balance); !owed || *owed != debt || *owed < Credits())
    in.refuse("debt", "is not what is left in the lots less the balance");
  if (available != state.available()) in.refuse("available", "is not balance less reserved");
  if (auto good = in.finish(); !good) line.refuse("state", good.error().detail);
}

// Takes an export apart, line by line.
class ExportReader {
 public:
  explicit ExportReader(LedgerSink& sink) : sink_(sink) {}

  // False after the first line that is wrong.
  bool take(const Line& line) {
    number_ = line.number;
    about_entry_ = begun_ && is_about_entry(line.text);
    if (line.too_long) return wrong("is longer than any line of an export");
    if (ended_) return wrong("comes after the last line");
    auto json = http::parse_json(std::string(line.text));
    if (!json) return wrong("is no JSON: " + json.error().detail);
    const bool good = number_ == 1 ? take_head(*json, line.text) : take_row(*json, line.text);
    if (!ended_) digest_.add(std::string(line.text) + "\n");
    return good;
  }

  void finish(bool line_feed) {
    if (!ended_) {
      ++number_;
      wrong("is missing: the export is cut off");
    } else if (!line_feed) {
      wrong("does not end by a line feed");
    }
  }

 private:
  enum class Part : std::uint8_t { lots = 1, entries, holds, state };

  bool take_head(const http::JsonValue& json, std::string_view text) {
    JsonReader in(json);
    if (in.string("format") != format_name) in.refuse("format", "is not " + std::string(format_name));
    const UtcTime made_at = in.time("made_at");
    announced_ = static_cast<std::uint64_t>(in.integer("accounts", 0, count_max));
    if (auto good = in.finish(); !good) return wrong(good.error().detail);
    return spelled(text, head_line(made_at, announced_));
  }

  bool take_row(const http::JsonValue& json, std::string_view text) {
    if (json.find("end")) return take_end(json, text);
    JsonReader in(json);
    const AccountId account(in.string("account"));
    if (!is_account_id(account.str())) return wrong("names no account");
    if (!begun_ || account != account_) {
      if (begun_) return wrong("is of " + account.str() + ", but the state of " + account_.str() + " has not come");
      if (account <= account_) return wrong("is of " + account.str() + ", which is out of order");
      account_ = account;
      part_ = Part::lots;
      last_ = 0;
      last_entry_ = 0;
      holds_ = 0;
      figures_ = {};
      begun_ = true;
    }
    if (in.has("lot")) return take_lot(in, text);
    if (in.has("entry")) return take_entry(in, text);
    if (in.has("hold")) return take_hold(in, text);
    return take_state(in, text);
  }

  // Within an account the parts come in their order, and the numbers of each rise.
  bool in_order(Part part, std::uint64_t number) {
    if (part < part_) return wrong("is out of order");
    if (part > part_) last_ = 0;
    part_ = part;
    if (number <= last_) return wrong("is out of order");
    last_ = number;
    return true;
  }

  bool take_lot(JsonReader& in, std::string_view text) {
    const auto now = read_lot(in.object("lot"));
    if (!now) return wrong(now.error().detail);
    if (!spelled(text, lot_line(account_, now->lot, now->remaining)) || !in_order(Part::lots, now->lot.number))
      return false;
    if (auto added = add_open_lot(figures_.state, *now); !added) return wrong(added.error().detail);
    ++counts_.lots;
    sink_.lot(account_, now->lot, now->remaining);
    return true;
  }

  bool take_entry(JsonReader& in, std::string_view text) {
    const auto entry = read_entry(in.object("entry"), account_);
    if (!entry) return wrong(entry.error().detail);
    if (!spelled(text, entry_line(account_, *entry)) || !in_order(Part::entries, entry->seq)) return false;
    last_entry_ = entry->seq;
    ++counts_.entries;
    sink_.entry(account_, *entry);
    return true;
  }

  bool take_hold(JsonReader& in, std::string_view text) {
    auto hold = read_open_hold(in.object("hold"), account_);
    if (!hold) return wrong(hold.error().detail);
    hold->reserved = in.credits("reserved");
    if (!spelled(text, hold_line(account_, *hold)) || !in_order(Part::holds, hold->number)) return false;
    ++counts_.holds;
    ++holds_;
    sink_.hold(account_, *hold);
    return true;
  }

  bool take_state(JsonReader& in, std::string_view text) {
    read_figures(in, figures_);
    if (auto good = in.finish(); !good) return wrong(good.error().detail);
    if (!spelled(text, state_line(account_, figures_))) return false;
    if (figures_.open_holds.value_or(0) != holds_) return wrong("has not the number of open holds before it");
    ++counts_.accounts;
    begun_ = false;
    sink_.end(account_, figures_);
    return true;
  }

  bool take_end(const http::JsonValue& json, std::string_view text) {
    if (begun_) return wrong("ends the export before the state of " + account_.str());
    ended_ = true;
    account_ = AccountId();
    if (counts_.accounts != announced_) return wrong("ends after another number of accounts than was announced");
    const std::string expected = end_line(counts_, to_hex(digest_.finish()));
    if (text == expected) return true;
    const auto shown = json.find("end")->find("sha256");
    const bool same_hash = shown != nullptr && expected.find("\"" + shown->text + "\"") != std::string::npos;
    return wrong(same_hash ? "does not have the counts of what was read"
                           : "does not have the SHA-256 of the lines before it: one of them was changed");
  }

  bool spelled(std::string_view text, const std::string& expected) { return text == expected || wrong(misspelled); }

  // A line may be too broken to say what it was.
  bool is_about_entry(std::string_view text) const {
    if (text.find(R"(,"entry":{)") != std::string_view::npos) return true;
    if (part_ != Part::entries) return false;
    for (const std::string_view other : {R"("lot":{)", R"("hold":{)", R"("state":{)", R"("end":{)"}) {
      if (text.find(other) != std::string_view::npos) return false;
    }
    return true;
  }

  // An entry's line that cannot be read is that of the entry after the last one.
  bool wrong(const std::string& what) {
    const auto entry = about_entry_ ? std::optional(last_entry_ + 1) : std::nullopt;
    sink_.wrong(begun_ ? account_ : AccountId(), entry,
                (entry ? "entry " + std::to_string(*entry) + ": " : "") + "line " + std::to_string(number_) +
                    " of the export " + what);
    return false;
  }

  LedgerSink& sink_;
  RunningDigest digest_;
  LedgerCounts counts_;
  std::uint64_t announced_ = 0;
  std::uint64_t number_ = 0;
  bool ended_ = false;
  AccountId account_;
  bool begun_ = false;  // account_ has lines, but not its state yet
  bool about_entry_ = false;
  Part part_ = Part::lots;
  std::uint64_t last_ = 0;  // number in the part
  std::uint64_t last_entry_ = 0;
  std::uint64_t holds_ = 0;
  AccountFigures figures_;  // its lots so far
};

}  // namespace

ExportWriter::ExportWriter(std::ostream& out, UtcTime made_at, std::uint64_t accounts) : out_(out) {
  write(head_line(made_at, accounts));
}

void ExportWriter::write(const std::string& line) {
  const std::string whole = line + "\n";
  digest_.add(whole);
  out_ << whole;
}

void ExportWriter::lot(const AccountId& account, const Lot& lot, Credits remaining) {
  ++counts_.lots;
  write(lot_line(account, lot, remaining));
}
void ExportWriter::entry(const AccountId& account, const LedgerEntry& entry) {
  ++counts_.entries;
  write(entry_line(account, entry));
}
void ExportWriter::hold(const AccountId& account, const Hold& hold) {
  if (hold.status != HoldStatus::open) return;
  ++counts_.holds;
  write(hold_line(account, hold));
}
void ExportWriter::end(const AccountId& account, const AccountFigures& figures) {
  ++counts_.accounts;
  write(state_line(account, figures));
}
void ExportWriter::unsettled(const AccountId& account) {
  wrong(account, std::nullopt, "it changes all the time: export it when it is quiet, or from a directory");
}
void ExportWriter::wrong(const AccountId& account, std::optional<std::uint64_t>, const std::string& what) {
  if (!wrong_) wrong_ = (account.empty() ? "" : account.str() + ": ") + what;
}

void ExportWriter::finish() {
  out_ << end_line(counts_, to_hex(digest_.finish())) << "\n";
}

Result<void> read_export(ByteSource source, LedgerSink& sink) {
  char last = '\n';
  LineReader lines([&source, &last](char* buffer, std::size_t size) {
    const std::int64_t got = source(buffer, size);
    if (got > 0) last = buffer[got - 1];
    return got;
  });
  ExportReader reader(sink);
  while (const auto line = lines.next()) {
    if (!reader.take(*line)) return {};
  }
  if (lines.failed()) return fail(Errc::unavailable, "the export cannot be read to its end");
  reader.finish(last == '\n');
  return {};
}

}  // namespace tally::tools
