// Makes a C++ source that holds files, for the server to serve.
//
//   tally_embed OUT.cpp OUT.json DOCUMENT.yaml FILE…
//
// OUT.json is the document as JSON; OUT.cpp defines embedded_files() (tools/tallyd/embedded.h) with it and the files.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/embed/yaml_json.h"

namespace {

std::string read(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  if (!in) throw std::runtime_error(std::string(path) + ": cannot be read");
  return std::move(bytes).str();
}

void write(const char* path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes << std::flush;
  if (!out) throw std::runtime_error(std::string(path) + ": cannot be written");
}

// A string literal in pieces of a line, none of which ends inside an escape.
void append_literal(std::string& out, std::string_view bytes) {
  constexpr std::size_t line_bytes = 100;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % line_bytes == 0) out += i == 0 ? "\n    \"" : "\"\n    \"";
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c >= 0x20 && c < 0x7f && c != '?') {  // no trigraphs
      out.push_back(static_cast<char>(c));
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\%03o", static_cast<unsigned>(c));
      out += escape;
    }
  }
  out += bytes.empty() ? "\"\"" : "\"";
}

void append_file(std::string& out, const std::string& name, std::string_view bytes) {
  out += "    {\"" + name + "\", std::string_view(";
  append_literal(out, bytes);
  out += ", " + std::to_string(bytes.size()) + ")},\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: tally_embed OUT.cpp OUT.json DOCUMENT.yaml FILE...\n";
    return 2;
  }
  try {
    const std::string document = tally::tools::json_of_yaml(read(argv[3]));
    write(argv[2], document);
    std::string source = "#include \"tools/tallyd/embedded.h\"\n\nnamespace tally::tools {\nnamespace {\n";
    source += "constexpr EmbeddedFile files[] = {\n";
    append_file(source, std::filesystem::path(argv[2]).filename().string(), document);
    for (int i = 4; i < argc; ++i)
      append_file(source, std::filesystem::path(argv[i]).filename().string(), read(argv[i]));
    source +=
        "};\n}  // namespace\n\nstd::span<const EmbeddedFile> embedded_files() { return files; }\n\n}  // namespace "
        "tally::tools\n";
    write(argv[1], source);
  } catch (const std::exception& error) {
    std::cerr << "tally_embed: " << argv[3] << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}
