// Calls to a Tally server: credentials, problems, retries.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/tally/json.h"
#include "tools/tally/session.h"

namespace tally::tools {

// How often a request is repeated when the server is busy (429, 502, 503, 504), failed (500) or did not answer. Waits
// what Retry-After says, at most a minute, else 0.25 s doubling to 10 s, with jitter. Only for requests whose
// repetition does no harm.
struct Patience {
  int attempts = 1;
};

class Api {
 public:
  enum class Caller { operator_, customer };

  explicit Api(Session& session, Caller caller = Caller::operator_) : session_(session), caller_(caller) {}

  // The parsed body of a 2xx answer (missing when it has none). `path` begins with '/'; `body` is JSON, or empty for no
  // body.
  Outcome<Json> call(const std::string& method, const std::string& path, const std::string& body = {},
                     Patience patience = {});
  // A POST that carries `idempotency_key` (empty: one of its own) and so may be repeated: it is, a few times. A failure
  // without an answer names the key, since its outcome is unknown.
  Outcome<Json> post(const std::string& path, const std::string& body, const std::string& idempotency_key);
  // As `call`, with a body of another media type, one more header, and the raw answer.
  Outcome<HttpAnswer> send(const std::string& method, const std::string& path, const std::string& media_type,
                           std::string body, Patience patience, int timeout_seconds = 60,
                           const std::pair<std::string, std::string>& header = {});

 private:
  Outcome<Json> parsed(Outcome<HttpAnswer> answer) const;

  Session& session_;
  Caller caller_;
};

// `text` as one path segment; a '/' in it becomes %2F.
std::string url_encoded(std::string_view text);

// "Title: detail" out of a problem document, or the best that another error body allows.
Failure failure_of(const HttpAnswer& answer);

}  // namespace tally::tools
