// POST /operator/v1/events: usage events from the gateway.
#pragma once

#include <functional>

#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class OperatorEvents {
 public:
  // `elsewhere` runs a task off the I/O thread: a body of megabytes takes longer to read than others should wait.
  OperatorEvents(storage::Meter& meter, const storage::Directory& directory, Clock& clock,
                 std::function<void(std::function<void()>)> elsewhere);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void ingest(Request&& request, Reply reply);
  void read(Request& request, const Reply& reply);

  storage::Meter& meter_;
  const storage::Directory& directory_;
  Clock& clock_;
  std::function<void(std::function<void()>)> elsewhere_;
};

}  // namespace tally::http
