#include "tools/tally/audit.h"

#include "tools/tally/api.h"
#include "tools/tally/audit_sink.h"
#include "tools/tally/files.h"
#include "tools/tally/ledger_export.h"
#include "tools/tally/ledger_sources.h"
#include "tools/tally/table.h"

namespace tally::tools {
namespace {

// Either of the two sources that hold many accounts.
Outcome<std::unique_ptr<LedgerDirectory>> open_directory(Session& session, const std::string& data) {
  if (data.empty()) return std::unique_ptr<LedgerDirectory>();
  return LedgerDirectory::open(session, data);
}

// "1 entry", "2 entries".
std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string place_of(const Finding& finding) {
  return finding.account.empty() ? "" : "account " + finding.account.str() + ", ";
}

std::string machine_list(const std::vector<Finding>& findings) {
  std::string list;
  for (const Finding& finding : findings) {
    JsonObject object;
    if (!finding.account.empty()) object.text("account", finding.account.str());
    if (finding.entry) object.text("entry", "ent_" + std::to_string(*finding.entry));
    list += (list.empty() ? "" : ",") + object.text("what", finding.what).str();
  }
  return "[" + list + "]";
}

void print_machine(Session& session, const AuditSink& sink) {
  const LedgerCounts& counts = sink.counts();
  const auto number = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
  JsonObject out;
  out.boolean("ok", sink.findings().empty());
  out.integer("accounts", number(counts.accounts)).integer("entries", number(counts.entries));
  out.integer("lots", number(counts.lots)).integer("open_holds", number(counts.holds));
  out.raw("wrong", machine_list(sink.findings())).raw("notes", machine_list(sink.notes()));
  session.out << out.str() << "\n";
}

void print_people(Session& session, const AuditSink& sink) {
  for (const Finding& finding : sink.findings())
    session.out << "WRONG  " << printable(place_of(finding) + finding.what) << "\n";
  for (const Finding& note : sink.notes()) session.err << "note: " << printable(place_of(note) + note.what) << "\n";
  if (sink.holds_unknown())
    session.err << "note: a server does not list open holds, so what is reserved was not compared; --data does that\n";
  const LedgerCounts& counts = sink.counts();
  session.out << "checked " << counted(counts.accounts, "account", "accounts") << ", "
              << counted(counts.entries, "entry", "entries") << ", " << counted(counts.lots, "lot", "lots") << ", "
              << counted(counts.holds, "open hold", "open holds") << ": "
              << (sink.findings().empty() ? "all is right"
                                          : counted(sink.findings().size(), "thing is wrong", "things are wrong"))
              << "\n";
}

// What keeps an audit from being made is never its result.
int not_checked(Session& session, Failure failure) {
  if (failure.exit == Exit::refused) failure.exit = Exit::usage;
  return report(session, failure);
}

Outcome<void> fill_from_file(const std::string& path, LedgerSink& sink) {
  auto file = open_log(path);
  if (!file) return Failure{Exit::usage, file.error().detail};
  if (auto read = read_export(std::move(file->source), sink); !read)
    return Failure{Exit::usage, path + ": " + read.error().detail};
  return {};
}

Outcome<void> fill(Session& session, const AuditOptions& options, LedgerSink& sink) {
  if (!options.file.empty()) return fill_from_file(options.file, sink);
  if (!options.data.empty()) {
    const auto directory = LedgerDirectory::open(session, options.data);
    if (!directory) return directory.error();
    const auto accounts = (*directory)->accounts(options.accounts);
    if (!accounts) return accounts.error();
    return (*directory)->read(*accounts, sink);
  }
  const auto accounts = accounts_of_server(session, options.accounts);
  if (!accounts) return accounts.error();
  return read_server(session, *accounts, sink);
}

}  // namespace

int export_ledger(Session& session, const ExportOptions& options) {
  const auto directory = open_directory(session, options.data);
  if (!directory) return report(session, directory.error());
  const auto accounts =
      *directory ? (*directory)->accounts(options.accounts) : accounts_of_server(session, options.accounts);
  if (!accounts) return report(session, accounts.error());
  ExportWriter writer(session.out, session.clock.now(), accounts->size());
  const auto read = *directory ? (*directory)->read(*accounts, writer) : read_server(session, *accounts, writer);
  if (!read) return report(session, read.error());
  if (writer.first_wrong())
    return report(session, {Exit::refused, "the export is not whole: " + *writer.first_wrong()});
  writer.finish();
  session.out.flush();
  if (!session.out.good()) return report(session, {Exit::usage, "the export could not be written to its end"});
  return static_cast<int>(Exit::ok);
}

int audit(Session& session, const AuditOptions& options) {
  AuditSink sink(!options.file.empty() ? HoldsGiven::open : !options.data.empty() ? HoldsGiven::all : HoldsGiven::none);
  // A damaged directory is a finding: the audit was asked whether it is right.
  if (auto filled = fill(session, options, sink); !filled) {
    if (options.data.empty() || filled.error().exit != Exit::refused) return not_checked(session, filled.error());
    sink.wrong(AccountId(), std::nullopt, filled.error().text);
  }
  if (session.settings.json) {
    print_machine(session, sink);
  } else {
    print_people(session, sink);
  }
  return static_cast<int>(sink.findings().empty() ? Exit::ok : Exit::refused);
}

}  // namespace tally::tools
