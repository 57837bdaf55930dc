// zoetrope completion: shell completion scripts, generated from the tree of flags, so that a new
// command or flag completes without further work.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/exit_code.h"

namespace zoetrope::apps {
namespace {

struct Flag {
  std::string name;  // with its dashes
  std::string help;
  bool takes_value = false;
};

std::vector<Flag> flags_of(const CLI::App& command) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : command.get_options()) {
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) {
      flags.push_back({"--" + name, option->get_description(), takes_value});
    }
    for (const std::string& name : option->get_snames()) {
      flags.push_back({"-" + name, option->get_description(), takes_value});
    }
  }
  return flags;
}

// Within single quotes of any of the three shells.
std::string quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) {
    text.replace(at, 1, "'\\''");
  }
  return "'" + text + "'";
}

std::string command_names(const CLI::App& root) {
  std::string names;
  for (const CLI::App* command : root.get_subcommands({})) {
    names += (names.empty() ? "" : " ") + command->get_name();
  }
  return names;
}

std::string bash(const CLI::App& root) {
  std::string cases;
  for (const CLI::App* command : root.get_subcommands({})) {
    std::string words;
    for (const Flag& flag : flags_of(*command)) words += " " + flag.name;
    cases += "    " + command->get_name() + ") words=" + quoted(words) + " ;;\n";
  }
  return "# bash completion for zoetrope: source <(zoetrope completion bash)\n"
         "_zoetrope() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} words=\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases + "    *) words=" + quoted(command_names(root) + " --help --config") +
         " ;;\n"
         "  esac\n"
         "  if [[ $COMP_CWORD -gt 1 && $current != -* ]]; then\n"
         "    COMPREPLY=()  # file names, by -o default below\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _zoetrope zoetrope\n";
}

// _arguments gives special meaning to brackets and colons.
std::string zsh_help(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const CLI::App& root) {
  std::string commands, cases;
  for (const CLI::App* command : root.get_subcommands({})) {
    commands += "    " + quoted(command->get_name() + ":" + command->get_description()) + "\n";
    cases += "    " + command->get_name() + ") _arguments";
    for (const Flag& flag : flags_of(*command)) {
      cases += " " + quoted(flag.name + "[" + zsh_help(flag.help) + "]" +
                            (flag.takes_value ? ":value:_files" : ""));
    }
    cases += " '*:file:_files' ;;\n";
  }
  return "#compdef zoetrope\n"
         "# zsh completion for zoetrope: zoetrope completion zsh > DIR_IN_FPATH/_zoetrope\n"
         "_zoetrope() {\n"
         "  local -a commands=(\n" +
         commands +
         "  )\n"
         "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
         "  shift words; (( CURRENT-- ))\n"
         "  case $words[1] in\n" +
         cases +
         "  esac\n"
         "}\n"
         "compdef _zoetrope zoetrope\n";
}

std::string fish(const CLI::App& root) {
  std::string out = "# fish completion for zoetrope: zoetrope completion fish | source\n";
  for (const CLI::App* command : root.get_subcommands({})) {
    const std::string name = command->get_name();
    out += "complete -c zoetrope -n __fish_use_subcommand -f -a " + name + " -d " +
           quoted(command->get_description()) + "\n";
    for (const Flag& flag : flags_of(*command)) {
      const bool is_long = flag.name.starts_with("--");
      out += "complete -c zoetrope -n '__fish_seen_subcommand_from " + name + "' " +
             (is_long ? "-l " + flag.name.substr(2) : "-s " + flag.name.substr(1)) +
             (flag.takes_value ? " -r" : "") + " -d " + quoted(flag.help) + "\n";
    }
  }
  return out;
}

}  // namespace

Command add_completion(CLI::App& root) {
  CLI::App* command = root.add_subcommand("completion", "Print a shell completion script");
  command->footer(
      "\nExamples:\n"
      "  source <(zoetrope completion bash)\n"
      "  zoetrope completion fish > ~/.config/fish/completions/zoetrope.fish");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return {command, [shell, &root] {
            const std::string text = *shell == "bash"  ? bash(root)
                                     : *shell == "zsh" ? zsh(root)
                                                       : fish(root);
            std::fwrite(text.data(), 1, text.size(), stdout);
            return kExitFine;
          }};
}

}  // namespace zoetrope::apps
