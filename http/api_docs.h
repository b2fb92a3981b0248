// /openapi.json and /docs: the API document, and a page to read it. Anybody may have them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/request.h"

namespace tally::http {

class Router;

// Each answer has an ETag and is asked for again each time (`Cache-Control: no-cache`), so that a page never reads
// another version's document. The page loads nothing from elsewhere, and its Content-Security-Policy forbids it.
class ApiDocs {
 public:
  // A file by its name, which tells its media type; `bytes` must outlive this. `openapi.json` and `docs.html` are
  // served by routes of their own, all others are parts of the page.
  void add(std::string_view name, std::string_view bytes);
  void add_to(Router& router) const;

 private:
  struct File {
    std::string_view bytes;
    std::string_view content_type;
    std::string tag;
    bool part = false;  // of the page
  };
  static Response answer(const File& file, const Request& request);
  std::unordered_map<std::string, File> files_;
};

}  // namespace tally::http
