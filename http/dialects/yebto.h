// yeb.to: `POST /v1/credits/cost`, what endpoints cost, and `POST /v1/credits/balance`, what the account has left.
//
// Source: the vendor's page of its Credits API. Every call whose key is accepted is a usage event of its own and is
// debited before it is answered, a 400, 415 or 422 as well; a call over the key's limits is not.
//
// Ours, where it is silent: of a key in both places the header's counts; of `endpoint` and `endpoints` the latter; an
// endpoint that is named twice is told once; `credits_left` is what is available (never negative), so a debt shows as
// 0; a call of an unlimited account spends 0.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "core/clock.h"
#include "http/credentials.h"
#include "http/json.h"
#include "http/json_writer.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class Yebto {
 public:
  Yebto(Credentials& credentials, storage::Meter& meter, storage::Ledgers& ledgers, const storage::Directory& directory,
        Clock& clock, Random& random);
  void add_to(Router& router);

  // {"error":TEXT,"code":STATUS}, also for errors that no handler of this dialect sees (404, 405 …).
  static Response error(int status, std::string_view text);

 private:
  // Writes what an answer says before `credits_spent`, given what is available after the call.
  using Write = std::function<void(JsonWriter&, Credits left)>;
  using Outcome = std::variant<Write, Response>;
  using Read = std::function<Outcome(const JsonValue& body)>;

  void call(Request&& request, const Reply& reply, const std::string& endpoint, const Read& read);
  void charge(const Caller& caller, const std::string& endpoint, Outcome outcome, const Reply& reply, MonoTime begun);
  Outcome cost(const JsonValue& body) const;
  void write_cost(JsonWriter& out, std::string_view endpoint) const;

  Credentials& credentials_;
  storage::Meter& meter_;
  storage::Ledgers& ledgers_;
  const storage::Directory& directory_;
  Clock& clock_;
  Random& random_;
};

}  // namespace tally::http
