// Rich Utilities: `GET /auth/account/usage`, `/credits`, `/ledger`, `/summary`, with an access token or a `token` key
// as `Authorization: Bearer`.
//
// Ours, where the vendor's document is silent: `series` beside a UsageStats, one for each period; the envelope
// `{"items","total","limit","offset"}` of the ledger, its order (the oldest first, so that a page stays what it is
// while entries are added), and that usage is counted by whole hours: a range is widened to them, and the answer's
// `period_start` and `period_end` say so.
#pragma once

#include <functional>
#include <variant>

#include "http/credentials.h"
#include "http/dialects/rich_wire.h"
#include "http/ledger_counts.h"
#include "http/login_tokens.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/logins.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class RichAccount {
 public:
  // All of it must outlive the handlers. `elsewhere` runs what takes longer than others should wait for.
  struct Parts {
    Credentials& credentials;
    const LoginTokens& login_tokens;
    const storage::Logins& logins;
    const storage::Meter& meter;
    storage::Ledgers& ledgers;
    Clock& clock;
    std::function<void(std::function<void()>)> elsewhere;
  };

  explicit RichAccount(Parts parts) : parts_(std::move(parts)), counts_(parts_.ledgers) {}
  void add_to(Router& router);

 private:
  using Answer = std::function<void(Response)>;
  using AccountPtr = std::shared_ptr<const Account>;
  struct UsageRange;
  struct EntryFilter;

  std::variant<Caller, Response> authenticate(const Request& request);
  void usage(const AccountPtr& account, const Request& request, const Answer& answer);
  void credits(const AccountPtr& account, const Request& request, const Answer& answer);
  void ledger(const AccountPtr& account, const Request& request, const Answer& answer);
  void summary(const AccountPtr& account, const Request& request, const Answer& answer);

  Response usage_response(const Account& account, const UsageRange& range) const;
  Response entries_page(const Account& account, const EntryFilter& filter, std::uint64_t last);

  Parts parts_;
  LedgerCounts counts_;
};

}  // namespace tally::http
