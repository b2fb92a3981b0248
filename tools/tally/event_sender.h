// Posts batches of events, several at a time, and makes the accounts they need.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tools/tally/api.h"

namespace tally::tools {

// Events of consecutive lines.
struct Batch {
  std::string body;                             // NDJSON
  std::vector<std::size_t> ends;                // where each event's line ends in `body`
  std::vector<std::uint64_t> line_numbers;      // of the log, per event
  std::map<std::string, std::string> accounts;  // id and name of each account in it
};

struct Complaint {
  std::uint64_t line = 0;
  std::string reason;
};

struct SendTotals {
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t accounts_made = 0;
  std::vector<Complaint> complaints;  // of rejected events, the first few
};

struct SendRules {
  int parallel = 8;   // requests in flight
  int attempts = 10;  // per request; harmless, because the server drops repeated ids
  bool make_accounts = true;
  std::size_t complaints_max = 10;
};

// Owned by one thread; the work is done on `parallel` threads of its own, through the session's transport and pause.
class EventSender {
 public:
  EventSender(Session& session, SendRules rules);
  ~EventSender();  // finishes what is in flight, drops what waits
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  // Waits while as many batches wait as are in flight. False once a request has failed for good: nothing more is taken.
  bool add(Batch batch);
  // Waits until everything is sent, and stops. The failure, if there was one; the totals are right in any case, except
  // that a batch whose answer was lost may have counted at the server.
  std::optional<Failure> finish();
  SendTotals totals() const;

 private:
  void work();
  std::optional<Failure> deliver(const Batch& batch, std::size_t begin, std::size_t end);
  // Both hold `lock` on mutex_, but for the time of a request.
  bool ensure_accounts(const std::map<std::string, std::string>& accounts, std::unique_lock<std::mutex>& lock);
  void make_account(std::unique_lock<std::mutex>& lock);  // the first of to_make_
  void count(const Batch& batch, std::size_t begin, const Json& answer);

  Session& session_;
  const SendRules rules_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  bool closed_ = false;  // no more batches will come
  int under_way_ = 0;    // batches
  std::optional<Failure> failure_;
  SendTotals totals_;
  std::set<std::string> known_accounts_;
  std::set<std::string> accounts_in_the_making_;
  std::deque<std::pair<std::string, std::string>> to_make_;  // ids and names, of accounts that nobody is making yet
  std::vector<std::thread> threads_;
};

}  // namespace tally::tools
