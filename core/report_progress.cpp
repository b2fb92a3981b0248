#include "core/report_progress.h"

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t progress_version = 1;

void write_figures(Encoder& out, const LedgerFigures& figures) {
  for (const Credits each : {figures.opening, figures.granted, figures.consumed, figures.expired, figures.adjusted,
                             figures.closing, figures.debt}) {
    write_credits(out, each);
  }
}

LedgerFigures read_figures(Decoder& in) {
  LedgerFigures figures;
  for (Credits* each : {&figures.opening, &figures.granted, &figures.consumed, &figures.expired, &figures.adjusted,
                        &figures.closing, &figures.debt}) {
    *each = read_credits(in);
  }
  return figures;
}

}  // namespace

std::string encode(const ReportProgress& progress) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(progress_version);
  out.u64(progress.as_of);
  out.u64(progress.price_version);
  out.text(progress.done.str());
  out.u64(progress.entry);
  const ReportTotals& totals = progress.totals;
  out.u64(totals.accounts);
  out.u64(totals.rows);
  write_counters(out, totals.usage);
  write_figures(out, totals.figures);
  write_credits(out, totals.old_cost);
  write_credits(out, totals.new_cost);
  write_credits(out, totals.difference);
  out.u64(totals.accounts_more);
  out.u64(totals.accounts_less);
  return bytes;
}

Result<ReportProgress> decode_report_progress(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != progress_version) in.reject();
  ReportProgress progress;
  progress.as_of = in.u64();
  progress.price_version = in.u64();
  progress.done = AccountId(read_string(in));
  progress.entry = in.u64();
  ReportTotals& totals = progress.totals;
  totals.accounts = in.u64();
  totals.rows = in.u64();
  totals.usage = read_counters(in);
  totals.figures = read_figures(in);
  totals.old_cost = read_credits(in);
  totals.new_cost = read_credits(in);
  totals.difference = read_credits(in);
  totals.accounts_more = in.u64();
  totals.accounts_less = in.u64();
  if (!in.done()) return fail(Errc::corrupt, "a report's progress cannot be read");
  return progress;
}

}  // namespace tally
