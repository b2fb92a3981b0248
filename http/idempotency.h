// Idempotency-Key: a POST that is sent again changes nothing twice and gets the answer of the first time.
//
// Keys are remembered per account: under the account that a call changes, under system_account() for prices and for
// usage events, which may be of many accounts. The operator's keys and a customer's never meet. The same key with the
// same method, path and body replays the stored answer byte for byte, with `Idempotency-Replayed: true`; with anything
// else it is refused: 422 `idempotency_key_reused`. Kept are answers that were decided: 2xx and refusals such as 402,
// 404 and 409; not 429 and 5xx, which say to try again. A body that could not be read or is invalid was never a call.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "core/ledger_entry.h"
#include "http/json.h"
#include "http/request.h"
#include "storage/writer.h"

namespace tally::http {

class Credentials;

// What tells one call from another. Made from the request before its body is moved away.
struct CallKey {
  std::string row;      // the stored key; empty: the call has none
  Digest digest{};      // of method, target and body
  bool secret = false;  // set by the handler: body or answer show a secret, so digest and answer are stored sealed
  bool given() const noexcept { return !row.empty(); }
};

enum class CallSide : std::uint8_t { operator_side = 1, customer };

// Of the header `Idempotency-Key`, quoted or bare: 1 to 255 printable characters, else Errc::invalid_argument
// `invalid_idempotency_key`. Without the header: a key that is not given.
Result<CallKey> call_key(const Request& request, CallSide side);

// A POST's key and JSON body, or after the refusal was put into `refusal`, nothing. A route whose body may be missing
// reads an empty one as {}.
struct Call {
  CallKey key;
  JsonValue body;
};
enum class CallBody : std::uint8_t { required = 1, optional };
std::optional<Call> read_call(Request& request, CallSide side, Response& refusal,
                              CallBody expected = CallBody::required);

// Whether an answer is an earlier one.
bool was_replayed(const Response& response);

// Thread-safe.
class Idempotency {
 public:
  // Answers within a command. It decides: a Response ends the command well, whatever it says. An Error with a decided
  // code (not_found, conflict …) is answered as its problem and must have written nothing; any other fails the command
  // and drops what was written. So after a successful Ledgers::change an effect returns a Response.
  using Effect = std::function<Result<Response>(storage::AccountTx&)>;
  using Answer = std::function<void(Response)>;

  // `credentials` seals the records of calls that show a secret.
  Idempotency(const storage::Rows& rows, storage::Writer& writer, const Credentials& credentials, const Clock& clock)
      : rows_(rows), writer_(writer), credentials_(credentials), clock_(clock) {}

  // The usual case: effect and record are one commit of `account`. `answer` follows once it is durable, on the
  // committer's thread (or this one, when refused at once). A repeat that comes while the first is on its way waits
  // for it in the account's queue.
  void run(AccountId account, CallKey key, Effect effect, Answer answer);

  // For a call whose effect has commits of its own and changes nothing when it is repeated: the record is written under
  // `account` when the effect has answered. A crash between the two is harmless, as the repeat gives the same answer. A
  // repeat in the meantime: 409 `idempotency_key_in_use`.
  void run_apart(const AccountId& account, CallKey key, const std::function<void(Answer)>& effect, Answer answer);

  // The two halves of run(), for commands that others post. find: the answer that stands, a refusal included; nothing:
  // go on and keep() the answer.
  Result<std::optional<Response>> find(storage::AccountTx& tx, const CallKey& key) const;
  void keep(storage::AccountTx& tx, const CallKey& key, const Response& response) const;

 private:
  struct Running;
  std::shared_ptr<Running> start(const AccountId& account, const CallKey& key);  // null: it runs already
  Result<std::optional<Response>> read(std::string_view record, const CallKey& key) const;

  const storage::Rows& rows_;
  storage::Writer& writer_;
  const Credentials& credentials_;
  const Clock& clock_;
  std::mutex mutex_;
  std::set<std::pair<AccountId, std::string>> running_;
};

}  // namespace tally::http
