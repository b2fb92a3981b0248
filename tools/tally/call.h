// One logged call of the company's API, whatever format the log has.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/time.h"

namespace tally::tools {

// Views into the line or into its reader's buffers, unescaped; valid until the next line is read.
struct Call {
  std::string_view remote;
  std::string_view user;
  UtcTime time;
  std::string_view method;
  std::string_view target;
  int status = 0;
  std::int64_t bytes = 0;
  std::string_view id;       // the gateway's own request id, if the log has one
  std::string_view account;  // the value of the field that `--account-by FIELD` names, if any
};

}  // namespace tally::tools
