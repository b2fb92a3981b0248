#include "tools/tally/import.h"

#include <cmath>
#include <memory>

#include "tools/tally/progress.h"
#include "tools/tally/table.h"

namespace tally::tools {
namespace {

constexpr std::size_t batch_bytes_max = 8U << 20U;  // well under the server's limit of 32 MiB

// Reads, makes events, fills batches.
class Import {
 public:
  Import(Session& session, const ImportOptions& options, ByteSource log, std::optional<std::uint64_t> total_bytes)
      : session_(session),
        options_(options),
        begun_(session.clock.mono()),
        reader_(std::move(log)),
        progress_(std::make_unique<Progress>(session, total_bytes)) {}

  int run();

 private:
  bool take(const Line& line);
  bool flush();
  void complain(std::uint64_t line, std::string reason);
  int finish();
  void print_people() const;
  void print_machine() const;

  Session& session_;
  const ImportOptions& options_;
  const MonoTime begun_;
  LineReader reader_;
  std::unique_ptr<Progress> progress_;
  std::optional<EventMaker> maker_;  // once the first line has shown the format
  std::unique_ptr<EventSender> sender_;
  Batch batch_;
  ImportSummary summary_;
};

int Import::run() {
  if (!options_.dry_run) {
    if (auto hello = Api(session_).call("GET", "/operator/v1/accounts?limit=1"); !hello)
      return report(session_, hello.error());
    sender_ = std::make_unique<EventSender>(session_, options_.send);
  }
  bool going = true;
  while (going) {
    const auto line = reader_.next();
    if (!line) break;
    if (line->number == 1 && line->text.starts_with("\x1f\x8b")) {
      return report(session_,
                    {Exit::usage, "the log is compressed: gzip -dc FILE | tally import --source import:NAME -"});
    }
    going = take(*line);
    progress_->update(reader_.bytes_read(), summary_.lines);
  }
  if (going) flush();
  return finish();
}

// False when there is no use in going on.
bool Import::take(const Line& line) {
  if (line.text.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  ++summary_.lines;
  if (line.too_long) {
    complain(line.number, "line is longer than 256 KiB");
    return true;
  }
  if (!maker_) {
    EventRules rules = options_.events;
    rules.format = options_.format ? *options_.format : detect_format(line.text);
    maker_.emplace(std::move(rules));
  }
  auto event = maker_->make(line.text);
  if (!event) {
    complain(line.number, event.error().detail);
    return true;
  }
  if (!*event) {
    ++summary_.skipped;
    return true;
  }
  batch_.body += (*event)->json;
  batch_.body += '\n';
  batch_.ends.push_back(batch_.body.size());
  batch_.line_numbers.push_back(line.number);
  batch_.accounts.try_emplace(std::move((*event)->account), std::move((*event)->account_name));
  return batch_.ends.size() < options_.batch_lines && batch_.body.size() < batch_bytes_max ? true : flush();
}

bool Import::flush() {
  if (batch_.ends.empty()) return true;
  Batch full = std::exchange(batch_, {});
  if (sender_) return sender_->add(std::move(full));
  session_.out << full.body;
  return session_.out.good();
}

void Import::complain(std::uint64_t line, std::string reason) {
  ++summary_.bad;
  if (summary_.bad_lines.size() < options_.bad_shown) summary_.bad_lines.push_back({line, std::move(reason)});
}

int Import::finish() {
  std::optional<Failure> failure;
  if (sender_) {
    failure = sender_->finish();
    summary_.sent = sender_->totals();
  }
  progress_.reset();
  summary_.seconds = static_cast<double>(session_.clock.mono().ns - begun_.ns) / 1e9;
  if (!failure && reader_.failed()) failure = Failure{Exit::usage, "the log could not be read to its end"};
  print_people();
  if (session_.settings.json && !options_.dry_run) print_machine();
  if (failure) {
    session_.err << "tally: the import stopped early; run it again to finish, nothing will count twice\n";
    return report(session_, *failure);
  }
  const bool incomplete = summary_.sent.rejected > 0 || (options_.strict && summary_.bad > 0);
  return static_cast<int>(incomplete ? Exit::incomplete : Exit::ok);
}

void Import::print_people() const {
  const auto list = [this](const std::vector<Complaint>& complaints, std::uint64_t count, const char* what) {
    if (complaints.empty()) return;
    session_.err << count << " " << what;
    if (complaints.size() < count) session_.err << ", the first " << complaints.size();
    session_.err << ":\n";
    for (const Complaint& one : complaints)
      session_.err << "  line " << one.line << ": " << printable(one.reason) << "\n";
  };
  list(summary_.bad_lines, summary_.bad, summary_.bad == 1 ? "line could not be read" : "lines could not be read");
  list(summary_.sent.complaints, summary_.sent.rejected, "rejected by the server");
  if (session_.settings.json && !options_.dry_run) return;
  const SendTotals& sent = summary_.sent;
  std::ostream& out = options_.dry_run ? session_.err : session_.out;
  const auto row = [&out](const char* name, std::uint64_t value, const char* note = "") {
    const std::string number = std::to_string(value);
    out << std::string(10 - std::min<std::size_t>(10, number.size()), ' ') << number << "  " << name << note << "\n";
  };
  row("lines", summary_.lines);
  if (!options_.dry_run) {
    row("accepted", sent.accepted);
    row("duplicates", sent.duplicates, sent.duplicates > 0 ? " (counted before)" : "");
    row("rejected", sent.rejected);
  }
  row("bad", summary_.bad);
  if (summary_.skipped > 0) row("skipped", summary_.skipped);
  if (!options_.dry_run) row("accounts made", sent.accounts_made);
  const double rate = summary_.seconds > 0 ? static_cast<double>(summary_.lines) / summary_.seconds : 0;
  const auto tenths = std::llround(summary_.seconds * 10);
  out << "in " << tenths / 10 << "." << tenths % 10 << " s, " << std::llround(rate) << " lines/s\n";
}

void Import::print_machine() const {
  const auto complaints = [](const std::vector<Complaint>& list) {
    std::string array;
    for (const Complaint& one : list) {
      JsonObject object;
      object.integer("line", static_cast<std::int64_t>(one.line)).text("reason", one.reason);
      array += (array.empty() ? "" : ",") + object.str();
    }
    return "[" + array + "]";
  };
  const auto count = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  JsonObject out;
  out.integer("lines", count(summary_.lines)).integer("accepted", count(summary_.sent.accepted));
  out.integer("duplicates", count(summary_.sent.duplicates)).integer("rejected", count(summary_.sent.rejected));
  out.integer("bad", count(summary_.bad)).integer("skipped", count(summary_.skipped));
  out.integer("accounts_made", count(summary_.sent.accounts_made));
  out.integer("milliseconds", std::llround(summary_.seconds * 1000));
  out.integer("lines_per_second",
              summary_.seconds > 0 ? std::llround(static_cast<double>(summary_.lines) / summary_.seconds) : 0);
  out.raw("bad_lines", complaints(summary_.bad_lines)).raw("rejected_events", complaints(summary_.sent.complaints));
  session_.out << out.str() << "\n";
}

}  // namespace

int import_log(Session& session, const ImportOptions& options, ByteSource log,
               std::optional<std::uint64_t> total_bytes) {
  return Import(session, options, std::move(log), total_bytes).run();
}

}  // namespace tally::tools
