// Issuers of tokens that the operator trusts beside this server, and their key sets in files.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/config.h"
#include "http/jwt.h"

namespace tally::http {

// Thread-safe.
class JwtIssuers {
 public:
  using ReadFile = std::function<Result<std::string>(const std::string& path)>;
  using Complain = std::function<void(const std::string& detail)>;

  // `complain` is told of a key set that cannot be used any more; its keys stay as they were.
  JwtIssuers(const std::vector<Config::JwtIssuer>& issuers, const Clock& clock, ReadFile read_file, Complain complain);
  ~JwtIssuers();

  // Reads all key sets; call once, first. The error says which one cannot be used.
  Result<void> load();

  // Whether one of them is trusted by this name.
  bool knows(std::string_view issuer) const noexcept;

  // Whom the token is for, if its issuer is one of these and it is good (Jwt::verify). Its `typ` is `JWT` or `at+jwt`.
  // Looks at the issuer's file again if that was not done within the last second.
  Result<std::string> subject(const Jwt& token, UtcTime now);

 private:
  struct Issuer;
  std::shared_ptr<const JwtKeySet> keys_of(Issuer& issuer);

  const Clock& clock_;
  ReadFile read_file_;
  Complain complain_;
  std::vector<std::unique_ptr<Issuer>> issuers_;
};

}  // namespace tally::http
