#include "tests/sim/clients.h"

#include <algorithm>

#include "webhook/signature.h"

namespace tally::sim {

namespace {

constexpr int account_count = 5;
constexpr const char* endpoints[] = {"search", "enrich", "free"};  // the last one has no price

Price price(std::string endpoint, std::int64_t micros, std::string category, UtcTime effective_at) {
  Price price;
  price.endpoint = std::move(endpoint);
  price.credits = Credits::from_micros(micros);
  price.category = std::move(category);
  price.effective_at = effective_at;
  return price;
}

}  // namespace

Clients::Clients(Random& dice, ManualClock& clock, const Profile& profile, Verdict& verdict, UsageModel& usage,
                 JobModel& jobs, LedgerModel& ledger, const storage::Store& store, Coverage& coverage)
    : dice_(dice),
      clock_(clock),
      profile_(profile),
      verdict_(verdict),
      usage_(usage),
      jobs_(jobs),
      ledger_(ledger),
      store_(store),
      coverage_(coverage),
      start_(clock.now()),
      sent_(account_count) {
  for (int i = 0; i < account_count; ++i) accounts_.emplace_back("account" + std::to_string(i));
}

bool Clients::set_up(Server& server) {
  for (const AccountId& id : accounts_) {
    if (server.directory().account(id)) continue;
    Account account;
    account.id = id;
    account.webhook.current = webhook::make_secret(dice_);
    account.created_at = clock_.now();
    server.directory().create_account(std::move(account), nullptr);
  }
  if (server.directory().prices()->all().empty()) {
    server.directory().add_prices({price("search", 1500, "lookups", UtcTime()), price("enrich", 20'000, "", UtcTime())},
                                  nullptr);
  }
  for (const char* when : {"*/15 * * * *", "7 * * * *"}) add_schedule(server, when);
  while (server.commit()) {
  }
  return !server.doubtful();
}

void Clients::add_schedule(Server& server, const char* when) {
  Schedule schedule;
  schedule.id = ScheduleId(std::string("sch_") + when);
  if (server.schedules().find(schedule.id)) return;
  schedule.account = accounts_.front();
  schedule.when = when;
  schedule.report = encode(new_request());
  schedule.created_at = clock_.now();
  resume(schedule, clock_.now());
  server.writer().post(
      schedule.account,
      [&server, schedule](storage::AccountTx& tx) -> Result<void> {
        const auto created = server.schedules().create(tx, schedule);
        return created ? Result<void>() : created.error();
      },
      storage::Durability::synced, nullptr);
}

const AccountId& Clients::an_account() {
  // The first ones have most of the traffic.
  return accounts_[std::min(dice_.below(account_count), dice_.below(account_count))];
}

UsageEvent Clients::new_event(const AccountId& account) {
  UsageEvent event;
  event.id = std::to_string(++last_event_);
  event.source = chance(50) ? "gw1" : "";
  event.account = account;
  event.endpoint = endpoints[dice_.below(std::size(endpoints))];
  event.time = start_ - static_cast<std::int64_t>(dice_.below(4) * 11) * day_ms +
               static_cast<std::int64_t>(dice_.below(6) * 4 * static_cast<std::uint64_t>(hour_ms));
  event.ok = chance(80);
  event.results = static_cast<std::int64_t>(dice_.below(4));
  event.key = chance(30) ? "key_a" : "";
  if (last_event_ % 3 == 0) event.details = R"({"matchRate":)" + std::to_string(last_event_ % 10) + "}";
  return event;
}

std::vector<UsageEvent> Clients::new_batch() {
  const auto owner = std::min(dice_.below(account_count), dice_.below(account_count));
  std::vector<UsageEvent>& before = sent_[owner];
  std::vector<UsageEvent> batch;
  for (std::uint64_t left = 1 + dice_.below(5); left > 0; --left) {
    if (!before.empty() && chance(profile_.repeats)) {
      // Mostly the latest ones: those that are still on their way.
      const std::uint64_t back = std::min(dice_.below(before.size()), dice_.below(before.size()));
      batch.push_back(before[before.size() - 1 - (chance(50) ? back : std::min<std::uint64_t>(back, 3))]);
    } else {
      batch.push_back(new_event(accounts_[owner]));
      before.push_back(batch.back());
    }
  }
  if (chance(10)) batch.push_back(batch.front());
  return batch;
}

void Clients::send_events(Server& server) {
  std::vector<UsageEvent> batch = new_batch();
  const std::size_t number = usage_.sent(batch);
  AccountId account = batch.front().account;
  server.meter().ingest(std::move(account), std::move(batch), [this, number](Result<storage::Ingested> answer) {
    if (answer) coverage_.duplicates += answer->duplicates;
    if (!answer) ++(answer.error().code == Errc::unavailable ? coverage_.unknown_batches : coverage_.refused_batches);
    usage_.answered(number, answer);
  });
}

void Clients::grant_credits(Server& server) {
  const AccountId account = an_account();
  Grant grant;
  grant.amount = Credits::from_micros(static_cast<std::int64_t>(1 + dice_.below(100'000)));
  grant.priority = static_cast<std::int32_t>(dice_.below(3));
  if (chance(50)) grant.expires_at = clock_.now() + static_cast<std::int64_t>(1 + dice_.below(2 * hour_ms));
  grant.description = ledger_.grant_sent(account);
  auto granted = std::make_shared<Result<void>>();
  server.ledgers().post(
      account,
      [grant, granted](Ledger& ledger) {
        if (const auto lot = ledger.grant(grant); !lot) *granted = lot.error();  // expired on its way
      },
      [this, granted, name = grant.description](const Result<void>& answer) {
        ledger_.grant_answered(name, answer ? *granted : answer);
      });
}

void Clients::make_hold(Server& server) {
  const AccountId account = an_account();
  auto held = std::make_shared<Result<Hold>>(fail(Errc::unavailable, "not decided"));
  const HoldRequest request{Credits::from_micros(static_cast<std::int64_t>(dice_.below(20'000))),
                            static_cast<std::int64_t>(1 + dice_.below(minute_ms)), "search", 1};
  server.ledgers().post(
      account, [held, request](Ledger& ledger) { *held = ledger.hold(request); },
      [this, account, held](const Result<void>& answer) {
        if (!answer || !*held) return;
        ++coverage_.holds;
        ledger_.hold_acknowledged(account, (*held)->number, HoldStatus::open);
        known_holds_.emplace_back(account, (*held)->number);
      });
}

void Clients::end_hold(Server& server) {
  if (known_holds_.empty()) return;
  const auto [account, number] =
      known_holds_[known_holds_.size() - 1 - dice_.below(std::min<std::uint64_t>(known_holds_.size(), 5))];
  auto ended = std::make_shared<Result<Hold>>(fail(Errc::unavailable, "not decided"));
  const bool settles = chance(60);
  Debit debit;
  debit.amount = Credits::from_micros(static_cast<std::int64_t>(dice_.below(25'000)));
  server.ledgers().post(
      account,
      [ended, settles, debit, hold = number](Ledger& ledger) {
        *ended = settles ? ledger.settle(hold, debit) : ledger.release(hold);
      },
      [this, account, ended, hold = number](const Result<void>& answer) {
        if (!answer || !*ended) return;
        ++coverage_.ended_holds;
        ledger_.hold_acknowledged(account, hold, (*ended)->status);
      });
}

ReportRequest Clients::new_request() {
  ReportRequest request;
  request.granularity = static_cast<Granularity>(1 + dice_.below(5));
  const auto back = static_cast<std::int64_t>(dice_.below(60));
  const UtcTime from = start_ - back * day_ms + static_cast<std::int64_t>(dice_.below(24)) * hour_ms;
  request.range.from = floor_to(request.granularity, from);
  request.range.to = next_after(request.granularity, from + static_cast<std::int64_t>(dice_.below(40)) * day_ms);
  for (const GroupBy group : {GroupBy::key, GroupBy::endpoint, GroupBy::category}) {
    if (chance(40)) request.group_by.push_back(group);
  }
  return request;
}

void Clients::submit_job(Server& server) {
  Job job;
  job.account = an_account();
  job.request = encode(new_request());
  if (chance(profile_.callbacks)) {
    job.callback_url = "http://receiver" + std::to_string(dice_.below(3)) + ".example.com/hook";
  }
  server.jobs().submit(std::move(job), [this](const Result<Job>& answer) {
    if (!answer) {
      if (answer.error().code != Errc::unavailable) ++coverage_.refused_jobs;
      return;
    }
    jobs_.acknowledged(*answer);
    known_jobs_.push_back(*answer);
  });
}

const Job* Clients::a_job() {
  if (known_jobs_.empty()) return nullptr;
  const std::uint64_t back = std::min(dice_.below(known_jobs_.size()), dice_.below(known_jobs_.size()));
  return &known_jobs_[known_jobs_.size() - 1 - back];
}

void Clients::cancel_job(Server& server) {
  const Job* job = a_job();
  if (job == nullptr) return;
  server.jobs().cancel(job->account, job->id, [this, account = job->account, id = job->id](const Result<Job>& answer) {
    jobs_.cancel_answered(store_, account, id, answer);
  });
}

void Clients::watch_job(Server& server) {
  const Job* job = a_job();
  if (job == nullptr) return;
  ++watches_[job->id];
  server.jobs().watch(job->account, job->id, [this, id = job->id] {
    if (--watches_[id] < 0) verdict_.broken("a watch of " + id.str() + " was called twice");
  });
}

void Clients::check_watches() {
  for (const auto& [id, count] : watches_) {
    const auto job = jobs_.stored().find(id);
    const bool finished = job == jobs_.stored().end() || job->second.finished();
    if (finished && count > 0) verdict_.broken("a watch of " + id.str() + " was not told of its end");
    if (!finished && count == 0) verdict_.broken("a watch of " + id.str() + " was told of an end that is none");
  }
}

void Clients::read_report(Server& server) {
  const AccountId& account = an_account();
  const auto report = server.meter().report(account, new_request());
  if (!report) return verdict_.broken("a report cannot be read");
  usage_.check_report(account, *report, true);
}

void Clients::read_report_meanwhile(Server& server) {
  const AccountId& account = an_account();
  const auto report = server.meter().report(account, new_request());
  if (!report) return verdict_.broken("a report cannot be read during a commit");
  usage_.read_journal(store_);
  usage_.check_report(account, *report, false);
}

void Clients::read_all_reports(Server& server) {
  ReportRequest request;
  request.range = {start_ - 60 * day_ms, start_ + 60 * day_ms};
  request.granularity = Granularity::total;
  for (const AccountId& account : accounts_) {
    const auto report = server.meter().report(account, request);
    if (!report) return verdict_.broken("a report cannot be read");
    usage_.check_report(account, *report, true);
  }
}

void Clients::replay_delivery(Server& server) {
  const auto& all = jobs_.deliveries();
  if (all.empty()) return;
  const Delivery& delivery = all[dice_.below(all.size())];
  server.dispatcher().replay(delivery.account, delivery.id, clock_.now(), [this](const Result<void>& answer) {
    if (answer) ++coverage_.replays;
  });
}

void Clients::change_price(Server& server) {
  const UtcTime since = start_ - static_cast<std::int64_t>(dice_.below(40)) * day_ms;
  server.directory().add_prices({price(endpoints[dice_.below(2)], static_cast<std::int64_t>(dice_.below(10'000)),
                                       chance(50) ? "lookups" : "", since)},
                                nullptr);
}

void Clients::list_jobs(Server& server) {
  for (const AccountId& account : accounts_) {
    std::vector<RequestId> listed;
    std::string cursor;
    do {
      const auto page = server.jobs().list(account, 3, cursor);
      if (!page) return verdict_.broken("the jobs of " + account.str() + " cannot be listed");
      for (const Job& job : page->jobs) listed.push_back(job.id);
      cursor = page->next;
    } while (!cursor.empty());
    std::size_t stored = 0;
    for (const auto& [id, job] : jobs_.stored()) {
      if (job.account != account) continue;
      ++stored;
      if (std::count(listed.begin(), listed.end(), id) != 1) verdict_.broken("a list leaves out job " + id.str());
    }
    if (stored != listed.size()) verdict_.broken("a list of " + account.str() + " shows too much");
  }
}

}  // namespace tally::sim
