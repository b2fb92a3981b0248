#include "http/idempotency.h"

#include <algorithm>

#include "core/codec.h"
#include "http/answers.h"
#include "http/credentials.h"
#include "http/problem.h"
#include "storage/digest.h"

namespace tally::http {

namespace {

constexpr std::size_t key_bytes_max = 255;
constexpr const char* replayed_header = "Idempotency-Replayed";
constexpr std::size_t stamp_bytes = 8;  // the arrival, by which backends drop old rows
constexpr std::uint8_t record_version = 1;
constexpr std::uint8_t sealed_record_version = 3;

bool is_printable_key(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

// An RFC 8941 string without its quotes; bare text as it is.
std::optional<std::string> unquoted(std::string_view value) {
  if (value.empty() || value.front() != '"') return std::string(value);
  std::string text;
  for (std::size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '"') return i + 1 == value.size() ? std::optional(std::move(text)) : std::nullopt;
    if (value[i] == '\\' && ++i < value.size() && value[i] != '"' && value[i] != '\\') return std::nullopt;
    if (i < value.size()) text.push_back(value[i]);
  }
  return std::nullopt;
}

// Of an error whose outcome a repeat would find again.
bool decided(int status) noexcept {
  return status < 500 && status != 429;
}

std::string encode_response(const Response& response) {
  std::string bytes;
  Encoder out(bytes);
  out.u64(static_cast<std::uint64_t>(response.status));
  out.text(response.content_type);
  out.u64(response.headers.size());
  for (const auto& [name, value] : response.headers) {
    out.text(name);
    out.text(value);
  }
  out.text(response.body);
  return bytes;
}

Result<Response> decode_response(std::string_view bytes) {
  Decoder in(bytes);
  Response response;
  response.status = static_cast<int>(in.u64());
  response.content_type = in.text();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    std::string name(in.text());
    response.headers.emplace_back(std::move(name), in.text());
  }
  response.body = in.text();
  if (!in.done()) return fail(Errc::corrupt, "a stored answer cannot be read");
  return response;
}

}  // namespace

Result<CallKey> call_key(const Request& request, CallSide side) {
  constexpr std::string_view name = "idempotency-key";
  CallKey key;
  const auto value = request.header(name);
  if (!value) return key;
  const auto text = unquoted(*value);
  const auto times = std::count_if(request.headers.begin(), request.headers.end(),
                                   [&](const Field& field) { return field.first == name; });
  if (!text || text->empty() || text->size() > key_bytes_max || !is_printable_key(*text) || times > 1) {
    return fail(Errc::invalid_argument, "Idempotency-Key must be 1 to 255 is_printable_key characters, quoted or bare",
                "invalid_idempotency_key");
  }
  key.row = (side == CallSide::operator_side ? "o:" : "c:") + *text;
  // A method holds no blank and a target none either, so the three cannot be cut in another way.
  std::string call;
  call.reserve(request.method.size() + request.target.size() + request.body.size() + 2);
  call.append(request.method).append(" ").append(request.target).append(" ").append(request.body);
  key.digest = storage::sha256(call);
  return key;
}

bool was_replayed(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [](const Field& field) { return field.first == replayed_header; });
}

std::optional<Call> read_call(Request& request, CallSide side, Response& refusal, CallBody expected) {
  auto key = call_key(request, side);
  if (!key) {
    refusal = problem(key.error());
    return std::nullopt;
  }
  if (expected == CallBody::optional && request.body.empty()) {
    JsonValue empty;
    empty.kind = JsonValue::Kind::object;
    return Call{std::move(*key), std::move(empty)};
  }
  auto body = json_body(request, refusal);
  if (!body) return std::nullopt;
  return Call{std::move(*key), std::move(*body)};
}

// The answer that stands for a key; a record that cannot be read must not let the effect happen again.
Result<std::optional<Response>> Idempotency::read(std::string_view record, const CallKey& key) const {
  if (record.size() < stamp_bytes) return fail(Errc::corrupt, "an idempotency record is too short");
  const std::string_view stored = record.substr(stamp_bytes);
  const int version = stored.empty() ? 0 : static_cast<unsigned char>(stored.front());
  if (version != record_version && version != sealed_record_version)
    return fail(Errc::corrupt, "an idempotency record cannot be read");
  Result<std::string> bytes = std::string(stored.substr(1));
  if (version == sealed_record_version) bytes = credentials_.unseal(stored.substr(1));
  if (!bytes) return bytes.error();
  Decoder in(*bytes);
  const std::string_view digest = in.raw(key.digest.size());
  if (!in.ok()) return fail(Errc::corrupt, "an idempotency record cannot be read");
  if (!std::equal(digest.begin(), digest.end(), key.digest.begin(),
                  [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; })) {
    return std::optional(problem(422, "idempotency_key_reused", "this Idempotency-Key was used for another request"));
  }
  auto response = decode_response(in.rest());
  if (!response) return response.error();
  response->headers.emplace_back(replayed_header, "true");
  return std::optional(std::move(*response));
}

Result<std::optional<Response>> Idempotency::find(storage::AccountTx& tx, const CallKey& key) const {
  if (!key.given()) return std::optional<Response>();
  const auto record = tx.get(storage::Table::idempotency, key.row);
  if (!record) return record.error();
  return *record ? read(**record, key) : std::optional<Response>();
}

void Idempotency::keep(storage::AccountTx& tx, const CallKey& key, const Response& response) const {
  if (!key.given() || !decided(response.status)) return;
  std::string record;
  append_be64(record, static_cast<std::uint64_t>(clock_.now().ms()));
  Encoder out(record);
  out.u8(key.secret ? sealed_record_version : record_version);
  std::string bytes(reinterpret_cast<const char*>(key.digest.data()), key.digest.size());
  bytes += encode_response(response);
  out.raw(key.secret ? credentials_.seal(bytes) : bytes);
  tx.put(storage::Table::idempotency, key.row, std::move(record));
}

void Idempotency::run(AccountId account, CallKey key, Effect effect, Answer answer) {
  auto outcome = std::make_shared<Response>();
  writer_.post(
      std::move(account),
      [this, outcome, key = std::move(key), effect = std::move(effect)](storage::AccountTx& tx) -> Result<void> {
        auto stands = find(tx, key);
        if (!stands) return stands.error();
        if (*stands) {
          *outcome = std::move(**stands);
          return {};
        }
        auto response = effect(tx);
        if (!response && !decided(status_of(response.error()))) return response.error();
        *outcome = response ? std::move(*response) : problem(response.error());
        keep(tx, key, *outcome);
        return {};
      },
      storage::Durability::synced,
      [outcome, answer = std::move(answer)](const Result<void>& result) {
        answer(result ? std::move(*outcome) : problem(result.error()));
      });
}

// A call that runs apart. It ends when its answer is ready, or when the effect lets go of it without one.
struct Idempotency::Running {
  Running(Idempotency& owner, std::pair<AccountId, std::string> name) : owner_(owner), name_(std::move(name)) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { end(); }
  void end() {
    const std::lock_guard lock(owner_.mutex_);
    if (!std::exchange(ended_, true)) owner_.running_.erase(name_);
  }

 private:
  Idempotency& owner_;
  std::pair<AccountId, std::string> name_;
  bool ended_ = false;
};

std::shared_ptr<Idempotency::Running> Idempotency::start(const AccountId& account, const CallKey& key) {
  std::pair name(account, key.row);
  const std::lock_guard lock(mutex_);
  if (!running_.insert(name).second) return nullptr;
  return std::make_shared<Running>(*this, std::move(name));
}

void Idempotency::run_apart(const AccountId& account, CallKey key, const std::function<void(Answer)>& effect,
                            Answer answer) {
  if (!key.given()) return effect(std::move(answer));
  const auto running = start(account, key);
  if (!running) {
    Response response = problem(409, "idempotency_key_in_use", "a request with this Idempotency-Key is under way");
    response.headers.emplace_back("Retry-After", "1");
    return answer(std::move(response));
  }
  const auto record = rows_.get(storage::Table::idempotency, account, key.row);
  if (!record) return answer(problem(record.error()));
  if (*record) {
    auto stands = read(**record, key);
    return answer(stands ? std::move(**stands) : problem(stands.error()));
  }
  effect([this, account, key = std::move(key), running, answer = std::move(answer)](Response response) {
    if (!decided(response.status)) {
      running->end();
      return answer(std::move(response));
    }
    run(
        account, key, [response = std::move(response)](storage::AccountTx&) -> Result<Response> { return response; },
        [running, answer](Response stored) {
          running->end();
          answer(std::move(stored));
        });
  });
}

}  // namespace tally::http
