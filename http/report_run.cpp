#include "http/report_run.h"

#include <algorithm>

#include "http/ledger_period.h"
#include "http/result_writer.h"

namespace tally::http {

namespace {

constexpr std::size_t accounts_at_once = 250;  // read from one view, which must not grow old

// The accounts of a task in order, a page at a time.
class AccountList {
 public:
  AccountList(const storage::Directory& directory, const Job& job, const ReportTask& task)
      : directory_(directory), named_(task.accounts) {
    all_ = job.account == storage::system_account() && named_.empty();
    if (job.account != storage::system_account()) named_ = {job.account};
  }

  std::uint64_t total() const { return all_ ? directory_.account_count() : named_.size(); }

  // Those behind `after`; empty: there are no more.
  std::vector<AccountId> page(const AccountId& after) const {
    if (all_) return directory_.account_ids(after, accounts_at_once);
    const auto first = std::upper_bound(named_.begin(), named_.end(), after);
    return {first, first + std::min<std::ptrdiff_t>(named_.end() - first, accounts_at_once)};
  }

 private:
  const storage::Directory& directory_;
  std::vector<AccountId> named_;
  bool all_ = false;
};

}  // namespace

Members facts_of(const ReportTask& task, const AccountId* account, const ReportProgress& progress) {
  Members facts{{"type", Cell::of(to_string(task.request.type))}};
  if (account) facts.emplace_back("account", Cell::of(account->str()));
  facts.emplace_back("from", Cell::of(task.request.range.from));
  facts.emplace_back("to", Cell::of(task.request.range.to));
  facts.emplace_back("granularity", Cell::of(to_string(task.request.granularity)));
  facts.emplace_back("as_of", Cell::of(static_cast<std::int64_t>(progress.as_of)));
  facts.emplace_back("price_version", Cell::of(static_cast<std::int64_t>(progress.price_version)));
  return facts;
}

namespace {

void add_figures(Members& members, const LedgerFigures& figures) {
  members.insert(members.end(), {{"opening", Cell::of(figures.opening)},
                                 {"granted", Cell::of(figures.granted)},
                                 {"consumed", Cell::of(figures.consumed)},
                                 {"expired", Cell::of(figures.expired)},
                                 {"adjusted", Cell::of(figures.adjusted)},
                                 {"closing", Cell::of(figures.closing)},
                                 {"debt", Cell::of(figures.debt)}});
}

}  // namespace

Members totals_of(const ReportTask& task, const ReportTotals& totals, bool by_operator) {
  const auto count = [](std::uint64_t number) { return Cell::of(static_cast<std::int64_t>(number)); };
  Members members;
  if (by_operator) members = {{"accounts", count(totals.accounts)}};
  switch (task.request.type) {
    case ReportType::usage:
      members.insert(members.end(), {{"requests", Cell::of(totals.usage.requests)},
                                     {"ok", Cell::of(totals.usage.ok)},
                                     {"failed", Cell::of(totals.usage.failed)},
                                     {"results", Cell::of(totals.usage.results)},
                                     {"credits", Cell::of(Credits::from_micros(totals.usage.credits_micros))}});
      break;
    case ReportType::ledger:
      members.insert(members.end(), {{"entries", count(totals.rows)},
                                     {"opening", Cell::of(totals.figures.opening)},
                                     {"closing", Cell::of(totals.figures.closing)}});
      break;
    case ReportType::statement:
      add_figures(members, totals.figures);
      members.emplace_back("usage", Cell::of(Credits::from_micros(totals.usage.credits_micros)));
      break;
    case ReportType::what_if:
      members.insert(members.end(), {{"old", Cell::of(totals.old_cost)},
                                     {"new", Cell::of(totals.new_cost)},
                                     {"difference", Cell::of(totals.difference)},
                                     {"accounts_more", count(totals.accounts_more)},
                                     {"accounts_less", count(totals.accounts_less)}});
      break;
  }
  return members;
}

namespace {

class ReportRun {
 public:
  ReportRun(const ReportSources& sources, const queue::Jobs& jobs, const ReportLimits& limits, const Job& job,
            const ReportTask& task, queue::JobContext& context)
      : sources_(sources),
        jobs_(jobs),
        job_(job),
        task_(task),
        context_(context),
        by_operator_(job.account == storage::system_account()),
        accounts_(sources.directory, job, task),
        rows_(sources, task, by_operator_),
        writer_(task.format, shape_of(task, by_operator_),
                by_operator_ ? limits.operator_result_bytes_max : limits.result_bytes_max, &context) {}

  Result<std::string> run() {
    if (auto begun = begin(); !begun) return begun.error();
    for (auto page = accounts_.page(progress_.done); !page.empty(); page = accounts_.page(progress_.done)) {
      if (by_operator_) {
        if (auto read = rows_.begin_page(page); !read) return read.error();
      }
      for (const AccountId& account : page) {
        if (auto finished = finish_account(account); !finished) return finished.error();
      }
    }
    return writer_.finish(facts_of(task_, by_operator_ ? nullptr : &job_.account, progress_),
                          totals_of(task_, progress_.totals, by_operator_));
  }

 private:
  Result<void> begin() {
    const auto saved = context_.saved();
    if (!saved) return saved.error();
    if (saved->parts == 0) {
      progress_.as_of = sources_.store.next_position() - 1;
      progress_.price_version = sources_.directory.prices()->version();
      return {};
    }
    auto progress = decode_report_progress(saved->checkpoint);
    if (!progress) return progress.error();
    progress_ = std::move(*progress);
    return writer_.resume(*saved, [&](const std::function<bool(std::string_view)>& visit) {
      return jobs_.read_parts(job_.account, job_.id, saved->parts, 0,
                              [&](std::uint64_t, std::string_view bytes) { return visit(bytes); });
    });
  }

  Result<void> finish_account(const AccountId& account) {
    const auto sink = [this](const TableRow& row) { return writer_.row(row); };
    const auto pause = [this] { return writer_.is_full(); };
    while (true) {
      if (context_.abandoned()) return fail(Errc::unavailable, "the report is not wanted any more");
      const auto finished = rows_.write(account, progress_, sink, pause);
      if (!finished) return finished.error();
      if (*finished) break;
      if (auto saved = save(); !saved) return saved;
    }
    progress_.done = account;
    progress_.entry = 0;
    ++progress_.totals.accounts;
    context_.progress(progress_.totals.accounts, accounts_.total());
    if (writer_.is_full()) return save();
    return {};
  }

  Result<void> save() { return writer_.save(encode(progress_), progress_.totals.accounts, accounts_.total()); }

  const ReportSources& sources_;
  const queue::Jobs& jobs_;
  const Job& job_;
  const ReportTask& task_;
  queue::JobContext& context_;
  bool by_operator_;
  AccountList accounts_;
  AccountRows rows_;
  ResultWriter writer_;
  ReportProgress progress_;
};

}  // namespace

Result<std::string> run_report(const ReportSources& sources, const queue::Jobs& jobs, const ReportLimits& limits,
                               const Job& job, queue::JobContext& context) {
  const auto task = decode_report_task(job.request);
  if (!task) return task.error();
  return ReportRun(sources, jobs, limits, job, *task, context).run();
}

namespace {

// Read before the data is, so that what came between makes a result newer than its version, never older.
Result<DataVersion> version_of(const ReportSources& sources, const AccountId& account, ReportType type) {
  DataVersion version;
  version.prices = sources.directory.prices()->version();
  if (type != ReportType::ledger) {
    const auto nothing = sources.meter.report(account, ReportRequest{});
    if (!nothing) return nothing.error();
    version.usage = nothing->as_of;
  }
  if (type == ReportType::ledger || type == ReportType::statement) {
    const auto state = read_state(sources.ledgers, account);
    if (!state) return state.error();
    version.ledger = state->last_entry;
  }
  return version;
}

}  // namespace

Result<std::string> run_report(ReportReuse& reuse, const ReportSources& sources, const queue::Jobs& jobs,
                               const ReportLimits& limits, const Job& job, queue::JobContext& context) {
  if (job.account == storage::system_account() || job.saved_parts > 0)
    return run_report(sources, jobs, limits, job, context);
  const auto task = decode_report_task(job.request);
  if (!task) return task.error();
  const auto version = version_of(sources, job.account, task->request.type);
  if (!version) return version.error();
  if (auto before = reuse.find(job.account, job.request, *version)) return std::move(*before);
  auto result = ReportRun(sources, jobs, limits, job, *task, context).run();
  if (!result) return result;
  const auto stored = decode_stored_result(*result);
  if (stored && stored->parts == 0) reuse.keep(job.account, job.request, *version, *result);
  return result;
}

}  // namespace tally::http
