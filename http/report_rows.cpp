#include "http/report_rows.h"

#include "http/json_writer.h"
#include "http/ledger_period.h"
#include "http/ledger_wire.h"

namespace tally::http {

namespace {

Cell credits_cell(std::int64_t micros) {
  return Cell::of(Credits::from_micros(micros));
}

Cell text_or_nothing(std::string_view text) {
  return text.empty() ? Cell::nothing() : Cell::of(text);
}

// The texts that an entry's cells show, while its row is written.
struct EntryTexts {
  std::string id;
  std::string event;
  std::string hold;
  std::string reverses;
  std::string lots;
  std::string prev_hash;
  std::string hash;

  EntryTexts(const AccountId& account, const LedgerEntry& entry)
      : id(entry_id(entry.seq)),
        hold(entry.hold == 0 ? "" : hold_id(account, entry.hold)),
        reverses(entry.reverses == 0 ? "" : entry_id(entry.reverses)),
        prev_hash(to_hex(entry.prev_hash)),
        hash(to_hex(entry.hash)) {
    JsonWriter shares(lots);
    shares.begin_array();
    for (const LotShare& share : entry.lots) {
      shares.begin_object().field("lot", lot_id(share.lot)).key("amount").credits_string(share.amount).end_object();
    }
    shares.end_array();
    if (entry.event_id.empty()) return;
    JsonWriter(event).begin_object().field("source", entry.event_source).field("id", entry.event_id).end_object();
  }
};

void add_entry_cells(std::vector<Cell>& cells, const LedgerEntry& entry, const EntryTexts& texts) {
  const bool has_event = !entry.event_id.empty();
  cells.insert(cells.end(), {
                                Cell::of(static_cast<std::int64_t>(entry.seq)),
                                Cell::of(texts.id),
                                Cell::of(to_string(entry.type)),
                                Cell::of(entry.amount),
                                Cell::of(entry.balance_after),
                                text_or_nothing(entry.endpoint),
                                has_event ? Cell::json(texts.event) : Cell::nothing(),
                                has_event ? Cell::of(entry.event_source) : Cell::nothing(),
                                has_event ? Cell::of(entry.event_id) : Cell::nothing(),
                                entry.price_version ? Cell::of(std::int64_t{entry.price_version}) : Cell::nothing(),
                                text_or_nothing(texts.hold),
                                text_or_nothing(texts.reverses),
                                Cell::json(texts.lots),
                                Cell::of(entry.description),
                                Cell::of(entry.reference),
                                Cell::json(entry.metadata.empty() ? "{}" : std::string_view(entry.metadata)),
                                Cell::of(entry.created_at),
                                Cell::of(texts.prev_hash),
                                Cell::of(texts.hash),
                            });
}

// What an account's usage is read by: as the report shows it, or for the whole range by what its rows need.
ReportRequest usage_request_of(const ReportTask& task) {
  if (task.request.type == ReportType::usage) return task.request;
  ReportRequest request;
  request.range = task.request.range;
  request.granularity = Granularity::total;
  request.group_by = {GroupBy::endpoint};
  if (task.request.type == ReportType::statement) request.group_by.push_back(GroupBy::category);
  return request;
}

}  // namespace

void set_usage_row(TableRow& row, const Report& report, const ReportRow& figures, const AccountId* account) {
  row.clear();
  if (account) row.cells.push_back(Cell::of(account->str()));
  row.cells.push_back(Cell::of(figures.period));
  for (const std::string& name : report.names_of(figures)) row.cells.push_back(Cell::of(name));
  const Counters& counters = figures.counters;
  row.cells.insert(row.cells.end(), {Cell::of(counters.requests), Cell::of(counters.ok), Cell::of(counters.failed),
                                     Cell::of(counters.results), credits_cell(counters.credits_micros)});
}

AccountRows::AccountRows(const ReportSources& sources, const ReportTask& task, bool by_operator)
    : sources_(sources),
      task_(task),
      by_operator_(by_operator),
      usage_request_(usage_request_of(task)),
      usage_(usage_request_) {}

Result<void> AccountRows::begin_page(std::span<const AccountId> accounts) {
  if (task_.request.type == ReportType::ledger) return {};
  if (task_.request.type == ReportType::statement) {
    if (auto brought = sources_.ledgers.bring_up_to_date(accounts); !brought) return brought;
  }
  page_.reset();  // before the next view is taken: a view keeps what is replaced
  page_.emplace(sources_.store, sources_.ledgers, sources_.meter, accounts);
  return {};
}

const storage::Rows* AccountRows::settled_of(const AccountId& account) const {
  return page_ ? page_->of(account) : nullptr;
}

Result<const Report*> AccountRows::usage_of(const AccountId& account) {
  if (const storage::Rows* settled = settled_of(account)) {
    usage_.restart();
    if (auto read = storage::Meter::collect(*settled, account, usage_request_, usage_); !read) return read.error();
    return &usage_.report(0);
  }
  auto report = sources_.meter.report(account, usage_request_);
  if (!report) return report.error();
  busy_usage_ = std::move(*report);
  return &busy_usage_;
}

Result<LedgerFigures> AccountRows::figures_of(const AccountId& account, ReportProgress& progress) {
  const storage::Rows* settled = settled_of(account);
  const auto state = settled ? storage::Ledgers::state_in(*settled, account) : read_state(sources_.ledgers, account);
  if (!state) return state.error();
  if (!by_operator_) progress.as_of = state->last_entry;
  return figures_in(sources_.ledgers, account, *state, task_.request.range, settled);
}

Result<bool> AccountRows::write(const AccountId& account, ReportProgress& progress, const Sink& sink,
                                const std::function<bool()>& pause) {
  if (task_.request.type == ReportType::ledger) return ledger(account, progress, sink, pause);
  Result<void> written;
  if (task_.request.type == ReportType::usage) written = usage(account, progress, sink);
  if (task_.request.type == ReportType::statement) written = statement(account, progress, sink);
  if (task_.request.type == ReportType::what_if) written = what_if(account, progress, sink);
  if (!written) return written.error();
  return true;
}

Result<void> AccountRows::usage(const AccountId& account, ReportProgress& progress, const Sink& sink) {
  const auto read = usage_of(account);
  if (!read) return read.error();
  const Report& report = **read;
  for (const ReportRow& row : report.rows) {
    set_usage_row(row_, report, row, by_operator_ ? &account : nullptr);
    if (auto written = sink(row_); !written) return written;
  }
  progress.totals.rows += report.rows.size();
  progress.totals.usage += report.totals;
  if (!by_operator_) progress.as_of = report.as_of;
  return {};
}

Result<bool> AccountRows::ledger(const AccountId& account, ReportProgress& progress, const Sink& sink,
                                 const std::function<bool()>& pause) {
  const auto state = read_state(sources_.ledgers, account);
  if (!state) return state.error();
  const auto span = entries_in(sources_.ledgers, account, *state, task_.request.range);
  if (!span) return span.error();
  if (!by_operator_) progress.as_of = state->last_entry;
  std::uint64_t next = std::max(span->from, progress.entry);
  Result<void> written;
  bool paused = false;
  const auto write_row = [&](const LedgerEntry& entry) {
    if (entry.seq >= span->to) return false;
    const EntryTexts texts(account, entry);
    row_.clear();
    if (by_operator_) row_.cells.push_back(Cell::of(account.str()));
    add_entry_cells(row_.cells, entry, texts);
    written = sink(row_);
    ++progress.totals.rows;
    next = entry.seq + 1;
    paused = next < span->to && pause();
    return written.has_value() && !paused && next < span->to;
  };
  if (next < span->to) {
    auto scanned = sources_.ledgers.scan_entries(account, next, write_row);
    if (!scanned) return scanned.error();
  }
  if (!written) return written.error();
  progress.entry = next;
  if (paused) return false;
  const auto opening = balance_before(sources_.ledgers, account, *state, span->from);
  if (!opening) return opening.error();
  const auto closing = balance_before(sources_.ledgers, account, *state, span->to);
  if (!closing) return closing.error();
  LedgerFigures figures;
  figures.opening = *opening;
  figures.closing = *closing;
  progress.totals.figures += figures;
  return true;
}

Result<void> AccountRows::statement(const AccountId& account, ReportProgress& progress, const Sink& sink) {
  const auto figures = figures_of(account, progress);
  if (!figures) return figures.error();
  const auto read = usage_of(account);
  if (!read) return read.error();
  const Report& usage = **read;
  row_.clear();
  row_.cells = {Cell::of(account.str()),     Cell::of(figures->opening), Cell::of(figures->granted),
                Cell::of(figures->consumed), Cell::of(figures->expired), Cell::of(figures->adjusted),
                Cell::of(figures->closing),  Cell::of(figures->debt)};
  for (const ReportRow& row : usage.rows) {
    const auto& names = usage.names_of(row);
    row_.items.insert(row_.items.end(), {Cell::of(names[0]), Cell::of(names[1]), Cell::of(row.counters.requests),
                                         Cell::of(row.counters.results), credits_cell(row.counters.credits_micros)});
  }
  ++progress.totals.rows;
  progress.totals.figures += *figures;
  progress.totals.usage += usage.totals;
  return sink(row_);
}

Result<void> AccountRows::what_if(const AccountId& account, ReportProgress& progress, const Sink& sink) {
  const auto read = usage_of(account);
  if (!read) return read.error();
  const Report& usage = **read;
  ReportTotals& totals = progress.totals;
  Credits difference;
  for (const ReportRow& row : usage.rows) {
    const std::string& endpoint = usage.names_of(row)[0];
    const auto costs = compare_costs(task_.draft, endpoint, row.counters);
    if (!costs) return costs.error();
    row_.clear();
    row_.cells = {Cell::of(account.str()), Cell::of(endpoint), Cell::of(costs->old_cost), Cell::of(costs->new_cost),
                  Cell::of(costs->difference)};
    if (auto written = sink(row_); !written) return written;
    totals.old_cost = add_saturating(totals.old_cost, costs->old_cost);
    totals.new_cost = add_saturating(totals.new_cost, costs->new_cost);
    difference = add_saturating(difference, costs->difference);
  }
  totals.rows += usage.rows.size();
  totals.difference = add_saturating(totals.difference, difference);
  if (difference > Credits()) ++totals.accounts_more;
  if (difference.negative()) ++totals.accounts_less;
  if (!by_operator_) progress.as_of = usage.as_of;
  return {};
}

}  // namespace tally::http
