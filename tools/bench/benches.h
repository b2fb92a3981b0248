// The benches, one a subcommand. Each starts what it needs, measures in turns, checks that the counts add up, and
// throws std::runtime_error when they do not.
#pragma once

#include "tools/bench/figures.h"
#include "tools/bench/options.h"

namespace tally::tools::bench {

void bench_poll(const Options& options, Figures& figures);
void bench_submit(const Options& options, Figures& figures);
void bench_ingest(const Options& options, Figures& figures);
void bench_report(const Options& options, Figures& figures);
void bench_webhook(const Options& options, Figures& figures);
void bench_hanging(const Options& options, Figures& figures);  // the second part of `webhook`
void bench_waiters(const Options& options, Figures& figures);
void bench_idle(const Options& options, Figures& figures);
void bench_restart(const Options& options, Figures& figures);
void bench_ledger(const Options& options, Figures& figures);
void bench_authorize(const Options& options, Figures& figures);
void bench_statement(const Options& options, Figures& figures);
void bench_latency(const Options& options, Figures& figures);

}  // namespace tally::tools::bench
