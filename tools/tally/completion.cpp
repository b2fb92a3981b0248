#include "tools/tally/completion.h"

namespace tally::tools {
namespace {

std::string joined(const std::vector<std::string>& first, const std::vector<std::string>& then) {
  std::string text;
  for (const auto* list : {&first, &then}) {
    for (const std::string& word : *list) text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

// Each shell walks the words before the cursor: one that is a subcommand of the command so far leads further.
std::string bash_cases(const std::vector<CompletionWords>& all) {
  std::string steps;
  std::string answers;
  for (const CompletionWords& one : all) {
    for (const std::string& sub : one.subcommands)
      steps += (steps.empty() ? "" : "|") + ("\"" + one.command + "/" + sub + "\"");
    answers += "    \"" + one.command + "\") words=\"" + joined(one.subcommands, one.options) + "\" ;;\n";
  }
  return "  for word in \"${before[@]}\"; do\n    case \"$command/$word\" in\n      " + steps +
         ") command=\"${command:+$command }$word\" ;;\n    esac\n  done\n  case \"$command\" in\n" + answers +
         "  esac\n";
}

std::string bash_script(const std::vector<CompletionWords>& all) {
  return "# tally completion for bash: eval \"$(tally completion bash)\"\n"
         "_tally() {\n"
         "  local command=\"\" word=\"\" words=\"\" before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n" +
         bash_cases(all) +
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _tally tally\n";
}

std::string zsh_script(const std::vector<CompletionWords>& all) {
  return "#compdef tally\n"
         "# tally completion for zsh: eval \"$(tally completion zsh)\", after compinit\n"
         "_tally() {\n"
         "  local command=\"\" word=\"\" words_text=\"\"\n"
         "  local -a before\n"
         "  before=(\"${(@)words[2,CURRENT-1]}\")\n"
         "  local words=\"\"\n" +
         bash_cases(all) +
         "  compadd -- ${=words} || _files\n"
         "}\n"
         "(( $+functions[compdef] )) && compdef _tally tally\n";
}

std::string fish_script(const std::vector<CompletionWords>& all) {
  std::string steps;
  std::string answers;
  for (const CompletionWords& one : all) {
    for (const std::string& sub : one.subcommands) steps += " '" + one.command + "/" + sub + "'";
    const std::string words = joined(one.subcommands, one.options);
    answers += "    case '" + one.command + "'\n      printf '%s\\n' " + words + "\n";
  }
  return "# tally completion for fish: tally completion fish | source\n"
         "function __tally_words\n"
         "  set -l command ''\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    switch \"$command/$word\"\n"
         "      case" +
         steps +
         "\n"
         "        set command (string trim \"$command $word\")\n"
         "    end\n"
         "  end\n"
         "  switch \"$command\"\n" +
         answers +
         "  end\n"
         "end\n"
         "complete -c tally -a '(__tally_words)'\n";
}

}  // namespace

std::string completion_script(std::string_view shell, const std::vector<CompletionWords>& words) {
  if (shell == "zsh") return zsh_script(words);
  if (shell == "fish") return fish_script(words);
  return bash_script(words);
}

}  // namespace tally::tools
