// Narakeet: `GET /account/credits`, how many seconds of audio or video the account's credits still buy.
//
// Source: the vendor's page of its Account Credits API. Free, but every call counts towards the key's daily limit.
// Ours, where it is silent: the error shape, and what a credit buys (`narakeet.seconds_per_credit`).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/credits.h"
#include "http/credentials.h"
#include "http/request.h"
#include "storage/ledgers.h"

namespace tally::http {

class Router;

// `available` credits at `micros_per_credit` millionths of a second each: whole seconds, rounded down, at most int64's;
// 0 for less than nothing.
std::int64_t credit_seconds(Credits available, std::int64_t micros_per_credit) noexcept;

class Narakeet {
 public:
  Narakeet(Credentials& credentials, storage::Ledgers& ledgers, std::int64_t micros_per_credit)
      : credentials_(credentials), ledgers_(ledgers), micros_per_credit_(micros_per_credit) {}
  void add_to(Router& router);

  // {"message":TEXT}, also for errors that no handler of this dialect sees (404, 405 …).
  static Response error(int status, std::string_view message);

 private:
  void credits(const Request& request, const Reply& reply);

  Credentials& credentials_;
  storage::Ledgers& ledgers_;
  std::int64_t micros_per_credit_;
};

}  // namespace tally::http
