#include "webhook/reloads.h"

#include <charconv>

namespace tally::webhook {

namespace {

std::string reload_prefix(const AccountId& account) {
  return "reload_" + account.str() + ".";
}

void end(Delivery& delivery, DeliveryStatus status, UtcTime now) {
  delivery.status = status;
  delivery.finished_at = now;
}

void try_again(Delivery& delivery, std::string why, UtcTime now) {
  delivery.status = DeliveryStatus::pending;
  delivery.finished_at = UtcTime();
  delivery.next_attempt_at = now + reload_backoff_ms;
  delivery.last_error = std::move(why);
}

// At most `bytes_max` of it, and no half of a character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  text.resize(bytes_max);
  return text;
}

}  // namespace

DeliveryId reload_id(const AccountId& account, std::uint64_t number) {
  return DeliveryId(reload_prefix(account) + std::to_string(number));
}

std::optional<std::uint64_t> reload_number(const DeliveryId& id, const AccountId& account) {
  const std::string prefix = reload_prefix(account);
  std::string_view text = id.str();
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || last != text.data() + text.size()) return std::nullopt;
  return number;
}

ReloadAnswer judge_reload(const AttemptOutcome& outcome, const std::optional<std::string>& reference) {
  using Kind = ReloadAnswer::Kind;
  const int status = outcome.status;
  if (status >= 200 && status <= 299 && reference && !reference->empty()) return {Kind::paid, *reference};
  const bool says_nothing = status == 408 || status == 409 || status == 425 || status == 429;
  return {status >= 400 && status <= 499 && !says_nothing ? Kind::declined : Kind::unknown, {}};
}

Reloads::Reloads(storage::Ledgers& ledgers, ReferenceIn reference_in)
    : ledgers_(ledgers), reference_in_(std::move(reference_in)) {}

Result<void> Reloads::record(storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome, UtcTime now) {
  const auto number = reload_number(delivery.id, delivery.account);
  if (!number) return fail(Errc::corrupt, delivery.id.str() + " is no request of this account");
  ReloadAnswer answer = judge_reload(outcome, reference_in_(outcome.body));
  // Asked for while there was no payments.url, and nobody could be asked.
  if (delivery.url.empty() && delivery.attempts == 1 && outcome.permanent) answer.kind = ReloadAnswer::Kind::declined;
  switch (answer.kind) {
    case ReloadAnswer::Kind::paid: {
      std::optional<Error> refused;
      auto changed = ledgers_.change(tx, [&](Ledger& ledger) {
        const auto granted = ledger.reload_paid(*number, cut(answer.reference, ledger_reference_bytes_max));
        if (!granted) refused = granted.error();
      });
      if (!changed) return changed;
      if (refused) {
        try_again(delivery, "paid, but it cannot be granted yet: " + refused->detail, now);
      } else {
        end(delivery, DeliveryStatus::delivered, now);
      }
      return {};
    }
    case ReloadAnswer::Kind::declined: {
      auto changed = ledgers_.change(tx, [&](Ledger& ledger) { ledger.reload_declined(*number); });
      if (changed) end(delivery, DeliveryStatus::dead, now);
      return changed;
    }
    case ReloadAnswer::Kind::unknown:
      try_again(delivery, outcome.error.empty() ? "a 2xx without a reference" : outcome.error, now);
      return {};
  }
  return {};
}

}  // namespace tally::webhook
