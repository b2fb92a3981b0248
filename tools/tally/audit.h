// Reading ledgers as a whole: into a file, or to see whether they are right.
#pragma once

#include <string>
#include <vector>

#include "tools/tally/session.h"

namespace tally::tools {

struct ExportOptions {
  std::vector<std::string> accounts;  // empty: all
  std::string data;                   // a directory; empty: the server
};
int export_ledger(Session& session, const ExportOptions& options);

struct AuditOptions {
  std::vector<std::string> accounts;  // empty: all
  std::string data;
  std::string file;  // an export; with neither: the server
};
// 0: all is right. 1: something is wrong. 2: it could not be checked. 3: the server does not answer.
int audit(Session& session, const AuditOptions& options);

}  // namespace tally::tools
