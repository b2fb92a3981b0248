// SHA-256.
#pragma once

#include <string_view>

#include "core/ledger_entry.h"

namespace tally::storage {

Digest sha256(std::string_view bytes);

}  // namespace tally::storage
