#include "tools/tally/completion.h"

#include <doctest/doctest.h>

#include <cstdio>

namespace completion_test {

using namespace tally::tools;

const std::vector<CompletionWords> words = {
    {"", {"account", "key"}, {"--json", "--server"}},
    {"account", {"create", "list"}, {"--help"}},
    {"account create", {}, {"--name", "--email"}},
    {"account list", {}, {"--limit"}},
    {"key", {}, {"--help"}},
};

// What bash offers after such words, the last of which is being typed.
std::string bash_offers(const std::string& typed) {
  const std::string script = completion_script("bash", words) + "COMP_WORDS=(" + typed +
                             "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _tally; echo \"${COMPREPLY[*]}\"";
  std::string command = "bash -c '";
  for (const char c : script) command += c == '\'' ? std::string("'\\''") : std::string(1, c);
  command += "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out.push_back(static_cast<char>(c));
  CHECK(::pclose(pipe) == 0);
  if (!out.empty()) out.pop_back();
  return out;
}

TEST_CASE("completion: bash offers what may follow, by the words before") {
  CHECK(bash_offers("tally ''") == "account key --json --server");
  CHECK(bash_offers("tally a") == "account");
  CHECK(bash_offers("tally --json account ''") == "create list --help");
  CHECK(bash_offers("tally account create acme --n") == "--name");
  CHECK(bash_offers("tally account list --") == "--limit");
  CHECK(bash_offers("tally key account ''") == "--help");
  CHECK(bash_offers("tally x").empty());
}

TEST_CASE("completion: each shell gets a script of its own that names every command") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    const std::string script = completion_script(shell, words);
    CHECK(script.find("account/create") != std::string::npos);
    CHECK(script.find("--email") != std::string::npos);
    CHECK(script.find(shell) != std::string::npos);
  }
  CHECK(completion_script("zsh", words).starts_with("#compdef tally\n"));
}

}  // namespace completion_test
