// Scripts that complete `tally` in a shell. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tally::tools {

// What may follow a command: its subcommands and options.
struct CompletionWords {
  std::string command;  // "", "account", "account create"
  std::vector<std::string> subcommands;
  std::vector<std::string> options;  // "--name"
};

// `shell` is bash, zsh or fish. To be evaluated by it, or put where it looks for completions.
std::string completion_script(std::string_view shell, const std::vector<CompletionWords>& words);

}  // namespace tally::tools
