// Makes the rows of this program's data format of those of an older one. Included only by the files of this folder.
#pragma once

#include <cstdint>

#include "storage/store.h"

namespace tally::storage {

// Durable when it returns. A migration that a crash cut off goes on where it was: call it again. Errc::exhausted: the
// disk is nearly full, and nothing is lost.
Result<void> migrate(Store& store, std::uint32_t from_format);

}  // namespace tally::storage
