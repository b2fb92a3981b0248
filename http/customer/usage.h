// GET /v1/usage: a usage report at once, for those who ask for little.
#pragma once

#include <functional>

#include "core/report.h"
#include "http/credentials.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

// The answer is what a `usage` report in JSON would be over the same range, of at most inline_result_bytes_max: 422
// `result_too_large` for more, which POST /v1/reports makes. Reading runs where `elsewhere` runs it.
class CustomerUsage {
 public:
  using Executor = std::function<void(std::function<void()>)>;

  CustomerUsage(Credentials& credentials, const storage::Meter& meter, const storage::Directory& directory,
                const Clock& clock, Executor elsewhere)
      : credentials_(credentials),
        meter_(meter),
        directory_(directory),
        clock_(clock),
        elsewhere_(std::move(elsewhere)) {}
  void add_to(Router& router);

 private:
  void usage(Request&& request, const Reply& reply);
  Response report(const AccountId& account, const ReportRequest& asked) const;

  Credentials& credentials_;
  const storage::Meter& meter_;
  const storage::Directory& directory_;
  const Clock& clock_;
  Executor elsewhere_;
};

}  // namespace tally::http
