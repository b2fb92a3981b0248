// A ledger entry in words: what happened, when, why, what it cost by which price, and which lots it came from or went
// to.
#pragma once

#include <string>
#include <vector>

#include "tools/tally/json.h"

namespace tally::tools {

struct Explained {
  std::string account;
  Json entry;              // as the server shows one entry, with its price
  std::vector<Json> lots;  // those that the entry names
  Json reversed;           // the debit, of a reversal
};

std::string in_words(const Explained& what);

// The balance before the entry, and what it did to the open debt: more than 0 paid debt off, less than 0 left some.
std::string balance_before(const Json& entry);
std::string debt_change(const Json& entry);

}  // namespace tally::tools
