// Fills a Request from a checked header.
#pragma once

#include <string_view>

#include "http/request.h"

namespace tally::http {

// Beast is the second reader of a header that check_head accepted, and takes it apart: method, target, path, query and
// header fields (names in lower case). False if it does not accept what the check did: then the request is refused, as
// two readers disagree.
bool fill_head(std::string_view head, Request& request);

}  // namespace tally::http
