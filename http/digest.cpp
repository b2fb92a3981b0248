#include "http/digest.h"

#include "storage/digest.h"

namespace tally::http {

std::string sha256_hex(std::string_view bytes) {
  return to_hex(storage::sha256(bytes));
}

}  // namespace tally::http
