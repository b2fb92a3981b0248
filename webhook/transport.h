// Sending one attempt of a delivery. libcurl stands behind it in production, a faulty one in the simulation.
#pragma once

#include <functional>
#include <string>

#include "core/delivery.h"
#include "webhook/signature.h"

namespace tally::webhook {

inline constexpr std::size_t response_body_bytes_max = 16 * 1024;

struct Attempt {
  std::string url;
  SignatureHeaders headers;
  std::string body;                  // sent as application/json
  std::string idempotency_key = {};  // sent as the header of that name, unless empty
  bool keep_response = false;        // up to response_body_bytes_max of its body go into the outcome; else up to
                                     // attempt_response_bytes_max
};

class Transport {
 public:
  using Done = std::function<void(AttemptOutcome)>;

  virtual ~Transport() = default;
  // POSTs once. Never blocks; thread-safe. `done` is called exactly once, from any thread, possibly before send
  // returns; it must be short. Attempts still under way when the transport is destroyed are abandoned and their `done`
  // is dropped uncalled.
  virtual void send(Attempt attempt, Done done) = 0;
};

}  // namespace tally::webhook
