// The files that the build put into the program: the API document as JSON, and the page that reads it.
#pragma once

#include <span>
#include <string_view>

namespace tally::tools {

struct EmbeddedFile {
  std::string_view name;  // without its folder
  std::string_view bytes;
};

// Made by tools/embed. The document is the first, `openapi.json`.
std::span<const EmbeddedFile> embedded_files();

}  // namespace tally::tools
