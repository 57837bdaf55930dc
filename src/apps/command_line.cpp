#include "apps/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string_view>

#include "apps/exit_code.h"

namespace zoetrope::apps {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// The innermost command on the line (`traffic envoy`), or the root.
const CLI::App* command_of(const CLI::App& root, int argc, char** argv) {
  const CLI::App* innermost = &root;
  for (int i = 1; i < argc; ++i) {
    for (const CLI::App* command : innermost->get_subcommands({})) {
      if (command->get_name() != argv[i]) continue;
      innermost = command;
      break;
    }
  }
  return innermost;
}

// " traffic envoy"
std::string path_of(const CLI::App& command) {
  if (command.get_parent() == nullptr) return {};
  return path_of(*command.get_parent()) + " " + command.get_name();
}

std::vector<std::string> words_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* below : command.get_subcommands({})) words.push_back(below->get_name());
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

int depth_of(const CLI::App& command) {
  return command.get_parent() == nullptr ? 0 : depth_of(*command.get_parent()) + 1;
}

// The first word of the line that is no known flag (or command, where one may stand); "" if none.
std::string unknown_word(const CLI::App& command, const std::vector<std::string>& known, int argc,
                         char** argv) {
  const int place = command.get_subcommands({}).empty() ? 0 : depth_of(command) + 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word(argv[i], strcspn(argv[i], "="));
    if (word == "--") break;
    if (!word.starts_with("--") && i != place) continue;
    if (std::ranges::find(known, word) == known.end()) return word;
  }
  return {};
}

// Messages of the library may span lines; a person gets the first.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  size_t least = (word.size() + 1) / 2;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

namespace {

// Prints help when it was asked for (exit code 0); else one line that says what is wrong, one with
// the nearest known flag or command.
int report_parse_error(const CLI::App& root, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    return root.exit(error);  // --help
  }
  const CLI::App* command = command_of(root, argc, argv);
  const std::vector<std::string> known = words_of(*command);
  const std::string unknown = unknown_word(*command, known, argc, argv);
  // Where a word is plainly wrong, the library's own message ("a subcommand is required") misleads.
  const std::string message = unknown.empty()             ? first_line(error.what())
                              : unknown.starts_with("--") ? "unknown flag " + unknown
                                                          : "unknown command " + unknown;
  std::fprintf(stderr, "%s: %s\n", program_name(), message.c_str());
  if (const std::string hint = nearest(unknown, known); !hint.empty()) {
    std::fprintf(stderr, "Did you mean %s?\n", hint.c_str());
  }
  std::fprintf(stderr, "Try: %s%s --help\n", root.get_name().c_str(), path_of(*command).c_str());
  return kExitUsage;
}

}  // namespace

int run_commands(CLI::App& root, const std::vector<Command>& commands, int argc, char** argv) {
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(root, error, argc, argv);
  }
  for (const Command& command : commands) {
    if (command.flags->parsed()) return command.run();
  }
  return kExitUsage;
}

}  // namespace zoetrope::apps
