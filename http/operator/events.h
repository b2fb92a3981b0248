// /operator/v1/events: usage events from the gateway, and taking them back.
//
// Events count once by (source, id) with or without an Idempotency-Key; a key adds that the answer is the first one's.
#pragma once

#include <functional>

#include "http/event_parser.h"
#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class OperatorEvents {
 public:
  // `elsewhere` runs a task off the I/O thread: a body of megabytes takes longer to read than others should wait.
  OperatorEvents(storage::Meter& meter, const storage::Ledgers& ledgers, const storage::Directory& directory,
                 Idempotency& idempotency, Clock& clock, std::function<void(std::function<void()>)> elsewhere);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void ingest(Request&& request, Reply reply);
  void read(Request& request, const Reply& reply);
  void count(EventFormat format, std::string body, const Idempotency::Answer& answer);
  // The path names the event; in place of an empty source stands `-`.
  void reverse(Request&& request, Reply reply);
  Response reversed_response(const AccountId& account, const storage::ReversedEvent& reversed) const;

  storage::Meter& meter_;
  const storage::Ledgers& ledgers_;
  const storage::Directory& directory_;
  Idempotency& idempotency_;
  Clock& clock_;
  std::function<void(std::function<void()>)> elsewhere_;
};

}  // namespace tally::http
