// Who pays and for what: from a client address or user to an account, and from a path to an endpoint. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net.h"
#include "core/result.h"
#include "tools/tally/call.h"

namespace tally::tools {

enum class AccountBy { address, user, field };

// One `account` rule: a client address, a CIDR range, a user name, or "-" (no user), and the account it stands for.
struct AccountRule {
  std::string who;
  std::optional<Cidr> range;  // set when `who` is an address or a range
  std::string account;
};

struct MappingRules {
  AccountBy account_by = AccountBy::address;
  std::string account;  // not empty: everything goes to this account
  std::vector<AccountRule> accounts;
  std::vector<std::pair<std::string, std::string>> endpoints;  // path prefix and endpoint
  std::vector<std::string> skipped;                            // path prefixes that are not counted
  int endpoint_depth = 1;                                      // path segments that name an endpoint when no rule does
};

// `WHO=ACCOUNT` and `PREFIX=ENDPOINT`, split at the last '='. Errc::invalid_argument for an empty side, an invalid
// account id, a prefix that does not begin with '/', or an endpoint that no event may have.
Result<void> add_account_rule(MappingRules& rules, std::string_view text);
Result<void> add_endpoint_rule(MappingRules& rules, std::string_view text);
Result<void> add_skip_rule(MappingRules& rules, std::string_view prefix);

// A rules file: one rule a line, `account WHO=ACCOUNT`, `endpoint PREFIX=ENDPOINT` or `skip PREFIX`; '#' begins a
// comment. The error names the line.
Result<void> add_rules_file(MappingRules& rules, std::string_view text);

struct Mapped {
  std::string account;
  std::string endpoint;
};

class Mapping {
 public:
  explicit Mapping(MappingRules rules);
  // Nothing for a call that a `skip` rule covers. The longest matching prefix wins, of `skip` and `endpoint` rules
  // together; the first matching account rule wins. Errc::invalid_argument when the call has no user (or field) to map,
  // or its target is no path.
  Result<std::optional<Mapped>> map(const Call& call) const;

 private:
  Result<std::string> account_of(const Call& call) const;

  MappingRules rules_;
};

// A valid account id that stands for `text`, the same each time. An address becomes `ip-83-149-9-216` or
// `ip6-2001-db8--1`; a text that is a valid id stays itself; any other is cleaned and gets a hash, so that two texts
// never share an account.
std::string account_id_for(std::string_view text);

// The path of a request target, normalised as RFC 3986 section 6 says: no query or fragment, no scheme and authority,
// dot segments and empty segments removed, unreserved characters decoded, unsafe ones encoded. Always begins with '/',
// except for "*".
Result<std::string> normal_path(std::string_view target);

// The first `depth` segments of a normal path, without the leading '/': "presentations". The root is "/". Shortened,
// with a hash, to what an event's endpoint may hold.
std::string endpoint_of(std::string_view path, int depth);

}  // namespace tally::tools
