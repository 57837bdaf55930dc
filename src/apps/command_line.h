// From the words of a command line to the command they ask for; errors of usage come with a hint.
#pragma once

#include <string>
#include <vector>

#include "apps/command.h"

namespace zoetrope::apps {

// Parses, runs the chosen command and returns its exit code. For words that mean nothing: one line
// that says what is wrong, one with the nearest known flag or command, and kExitUsage.
int run_commands(CLI::App& root, const std::vector<Command>& commands, int argc, char** argv);

// The entry of `known` nearest to `word`, or "" when none is near: fewer than half of its letters
// would have to change.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace zoetrope::apps
