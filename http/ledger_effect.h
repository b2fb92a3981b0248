// A change of the ledger as the effect of a call: what the ledger says becomes the answer, in one commit with the
// record that replays it.
#pragma once

#include <functional>

#include "http/idempotency.h"
#include "storage/ledgers.h"

namespace tally::http {

// `decide` calls the ledger and answers, also when that refuses.
inline Idempotency::Effect ledger_effect(storage::Ledgers& ledgers, std::function<Response(Ledger&)> decide) {
  return [&ledgers, decide = std::move(decide)](storage::AccountTx& tx) -> Result<Response> {
    Response response;
    auto changed = ledgers.change(tx, [&](Ledger& ledger) { response = decide(ledger); });
    if (!changed) return changed.error();
    return response;
  };
}

}  // namespace tally::http
