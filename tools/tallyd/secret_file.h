// Secrets that the server makes for itself: files that only its user may read.
#pragma once

#include <functional>
#include <string>

#include "core/result.h"

namespace tally::tools {

// The trimmed content of `path`. Errc::not_found without such a file, Errc::invalid_argument when it cannot be read or
// is empty.
Result<std::string> read_secret_file(const std::string& path);

// The same, or if there is no such file, what `make` gives, after it was written there with mode 0600 and made durable:
// after a crash the file is whole or absent.
Result<std::string> read_or_make_secret_file(const std::string& path, const std::function<std::string()>& make);

}  // namespace tally::tools
