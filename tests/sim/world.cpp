#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>

namespace tally::sim {

World::World(const SimulationOptions& options)
    : options_(options),
      dice_(options.seed * 4),
      disk_dice_(options.seed * 4 + 1),
      network_dice_(options.seed * 4 + 2),
      server_dice_(options.seed * 4 + 3),
      profile_(make_profile(dice_, options.canary)),
      disk_(disk_dice_, {}),
      store_(disk_, options.canary),
      usage_(verdict_),
      jobs_(verdict_, usage_, clock_),
      ledger_(verdict_),
      schedules_(verdict_, clock_),
      network_(
          network_dice_, clock_,
          [this](const webhook::Attempt& attempt) {
            ++coverage_.posts;
            jobs_.sending(disk_, attempt);
          },
          [this](const webhook::Attempt& attempt) { jobs_.received(attempt); }),
      clients_(dice_, clock_, profile_, verdict_, usage_, jobs_, ledger_, disk_, coverage_) {}

void World::trace(const char* what) const {
  if (options_.trace) std::fprintf(stderr, "%5d  %s\n", under_way().step, what);
}

void World::begin() {
  start_server();
  disk_.set_faults(profile_.commit_faults);
  while (!clients_.set_up(*server_)) restart(Death::process);
  check();
}

void World::start_server() {
  while (true) {
    server_ = std::make_unique<Server>(
        store_, network_, clock_, server_dice_, profile_.server,
        [this](const Job& job, queue::JobContext& context) { return meet_work(job, context); });
    const auto started = server_->start();
    if (started && !server_->doubtful()) break;
    if (!started && started.error().code != Errc::unavailable)
      return verdict_.broken("the server does not start: " + started.error().detail);
    end_server();
    disk_.kill();
  }
  idle_ = false;
  check_all_ = true;
  server_->on_write([this] { act_meanwhile(); });
}

void World::end_server() {
  coverage_.lost_leases += server_->runner().stats().lost;
  coverage_.retries += server_->runner().stats().failed_attempts;
  server_.reset();
  network_.sender_died();
}

void World::restart(Death death) {
  trace(death == Death::process ? "the process dies" : "the power fails");
  ++(death == Death::process ? coverage_.kills : coverage_.power_losses);
  end_server();
  death == Death::process ? disk_.kill() : disk_.crash();
  usage_.restarted();
  jobs_.restarted();
  ledger_.restarted();
  clients_.restarted();
  start_server();
}

// What SIGTERM does: nothing new, then everything in memory goes to the disk.
void World::stop_cleanly() {
  trace("a clean stop");
  server_->runner().stop();
  while (server_->commit()) {
  }
  server_->meter().flush_all();
  server_->ledgers().flush_all();
  server_->writer().stop();
  if (server_->doubtful()) return;
  const bool all_written = server_->meter().unflushed_events() == 0 && !server_->ledgers().tail().oldest();
  if (disk_.writable() && profile_.server.writer.waiting_max > 100 && !all_written)
    verdict_.broken("a clean stop left figures unwritten");
  ++coverage_.clean_stops;
  restart(Death::process);
  if (all_written && (server_->meter().unflushed_events() != 0 || server_->ledgers().tail().oldest()))
    verdict_.broken("after a clean stop the journal was replayed");
}

Result<void> World::meet_work(const Job&, queue::JobContext& context) {
  if (dice_.below(100) < profile_.slow_work && !settling_) {
    for (std::uint64_t parts = 1 + dice_.below(3); parts > 0; --parts) {
      wait(20 * second_ms);
      context.progress(1, parts);
      while (dice_.below(2) == 0 && server_->commit()) {
      }
    }
    if (context.abandoned()) trace("work is abandoned");
  }
  if (dice_.below(100) >= profile_.work_faults) return {};
  if (dice_.below(4) == 0) return fail(Errc::too_large, "injected: permanent");
  return fail(Errc::unavailable, "injected: try again");
}

void World::wait(std::uint64_t ms_max) {
  clock_.advance_ms(static_cast<std::int64_t>(dice_.below(ms_max + 1)));
}

void World::drop_old_jobs() {
  while (server_->commit()) {
  }
  if (server_->doubtful()) return;
  check();
  trace("old jobs are dropped");
  const UtcTime before = clock_.now() - 10 * minute_ms;
  jobs_.retention(before);
  const auto dropped = server_->jobs().drop_old(before, 1 + dice_.below(10));
  if (dropped) coverage_.dropped_jobs += *dropped;
  while (server_->commit()) {
  }
}

void World::act() {
  idle_ = false;
  switch (dice_.below(22)) {
    case 0:
    case 1:
    case 2:
      trace("events are sent");
      return clients_.send_events(*server_);
    case 3:
    case 4:
      trace("a job is submitted");
      return clients_.submit_job(*server_);
    case 5:
      if (dice_.below(3) == 0) return clients_.cancel_job(*server_);
      return clients_.watch_job(*server_);
    case 6:
      if (dice_.below(4) == 0) return clients_.change_price(*server_);
      return clients_.replay_delivery(*server_);
    case 7:
    case 8:
      trace("the shards run");
      (void)server_->run_shards();
      return;
    case 9:
    case 10:
      trace("a commit");
      idle_ = !server_->commit();
      return;
    case 11:
    case 12:
      trace("a task runs");
      (void)server_->run_task(dice_.below(100));
      return;
    case 13:
      trace("the runner and the schedules tick");
      server_->tick_schedules();
      return server_->tick_runner();
    case 14:
      trace("the meter and the ledgers tick");
      server_->ledgers().tick();
      return server_->meter().tick();
    case 15:
      trace("the dispatcher ticks");
      (void)server_->drive_dispatcher();
      return;
    case 16:
      trace("the network answers");
      (void)network_.answer_one();
      return;
    case 17:
      trace("credits are granted");
      return clients_.grant_credits(*server_);
    case 18:
    case 19:
      trace("credits are held");
      return clients_.make_hold(*server_);
    case 20:
      trace("a hold ends");
      return clients_.end_hold(*server_);
    default:
      trace("time goes on");
      return wait(dice_.below(8) == 0 ? 40 * second_ms : 2 * second_ms);
  }
}

// While a commit waits for the disk, the others go on.
void World::act_meanwhile() {
  clients_.read_report_meanwhile(*server_);
  switch (dice_.below(6)) {
    case 0:
      return clients_.send_events(*server_);
    case 1:
      return clients_.cancel_job(*server_);
    case 2:
    case 3:
      (void)server_->run_shards();
      return;
    default:
      return;
  }
}

void World::accident() {
  const auto happens = [&](std::uint32_t per_mille) { return dice_.below(1000) < per_mille; };
  if (happens(profile_.disk_changes)) {
    trace("the disk is full, or no more");
    disk_.set_writable(dice_.below(3) != 0);
  }
  if (happens(profile_.long_waits)) {
    trace("a long wait");
    wait(2 * hour_ms);
  }
  if (happens(20)) network_.change_a_mood();
  if (happens(5)) drop_old_jobs();
  if (happens(profile_.clean_stops)) stop_cleanly();
  if (happens(profile_.kills)) restart(Death::process);
  if (happens(profile_.power_losses)) restart(Death::power);
}

void World::step() {
  for (std::uint64_t actions = 1 + dice_.below(5); actions > 0 && !server_->doubtful(); --actions) act();
  if (!server_->doubtful()) accident();
  while (server_->doubtful()) {
    ++coverage_.doubts;
    restart(dice_.below(2) == 0 ? Death::process : Death::power);
  }
  check();
}

void World::check() {
  // Rows that nothing changed need no second look.
  if (check_all_ || server_->commits() != checked_commits_) {
    usage_.check(disk_);
    jobs_.check(disk_);
    schedules_.check(disk_, jobs_.stored());
    ledger_.check(disk_);
    clients_.check_watches();
    clients_.read_all_reports(*server_);
  }
  checked_commits_ = server_->commits();
  check_all_ = false;
  clients_.read_report(*server_);
  if (idle_) check_idle();
}

void World::check_idle() {
  std::size_t open = 0;
  for (const auto& [id, job] : jobs_.stored()) open += job.finished() ? 0 : 1;
  if (server_->scheduler().unfinished() != open)
    verdict_.broken("the scheduler counts " + std::to_string(server_->scheduler().unfinished()) + " unfinished jobs, " +
                    std::to_string(open) + " are stored");
  if (server_->runner().in_flight() > profile_.server.runner.in_flight_max)
    verdict_.broken("more jobs are in flight than there may be");
}

bool World::settled() {
  return server_->schedules().due(clock_.now()).empty() && server_->scheduler().unfinished() == 0 &&
         server_->runner().in_flight() == 0 && server_->meter().unflushed_events() == 0 &&
         !server_->ledgers().tail().oldest() && server_->dispatcher().counters().pending == 0 &&
         network_.under_way() == 0 && server_->tasks() == 0;
}

void World::settle() {
  trace("faults end");
  settling_ = true;
  disk_.set_faults({});
  disk_.set_writable(true);
  for (int round = 0; round < 3000 && !verdict_.what(); ++round) {
    bool moved = true;
    while (moved) {
      moved = server_->commit();
      moved = server_->run_task(0) || moved;
      moved = network_.answer_one() || moved;
      moved = server_->drive_dispatcher() || moved;
    }
    server_->tick_schedules();
    server_->tick_runner();
    server_->meter().tick();
    server_->ledgers().tick();
    if (server_->commit()) continue;
    if (settled()) break;
    UtcTime next = clock_.now() + hour_ms;
    if (const auto call = server_->next_call()) next = std::min(next, *call);
    if (const auto answer = network_.next_answer()) next = std::min(next, *answer);
    clock_.set(std::max(next, clock_.now() + 100));
  }
  if (verdict_.what()) return;
  check();
  jobs_.check_quiescent(disk_);
  ledger_.check_quiescent(disk_);
  clients_.list_jobs(*server_);
  if (!settled())
    verdict_.broken("it does not settle: " + std::to_string(server_->scheduler().unfinished()) + " unfinished jobs, " +
                    std::to_string(server_->runner().in_flight()) + " in flight, " +
                    std::to_string(server_->meter().unflushed_events()) + " unflushed events, " +
                    std::to_string(server_->dispatcher().counters().pending) + " pending deliveries");
  check_idle();
}

Coverage World::coverage() const {
  Coverage all = coverage_;
  all.events = usage_.journaled();
  all.entries = ledger_.entries();
  all.due_times = schedules_.fired();
  all.lost_leases += server_->runner().stats().lost;
  all.retries += server_->runner().stats().failed_attempts;
  for (const auto& [id, job] : jobs_.stored()) {
    all.completed += job.status == JobStatus::completed ? 1 : 0;
    all.failed += job.status == JobStatus::failed ? 1 : 0;
    all.cancelled += job.status == JobStatus::cancelled ? 1 : 0;
  }
  for (const Delivery& delivery : jobs_.deliveries()) {
    all.delivered += delivery.status == DeliveryStatus::delivered ? 1 : 0;
    all.dead += delivery.status == DeliveryStatus::dead ? 1 : 0;
  }
  return all;
}

}  // namespace tally::sim
