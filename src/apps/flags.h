// What commands share about flags: common options, and errors of usage with a hint.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/engine.h"

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI

namespace zoetrope::apps {

// Prints help when it was asked for (exit code 0); else one line that says what is wrong, one with
// the nearest known flag or command, and returns kExitUsage.
int report_parse_error(const CLI::App& root, const CLI::ParseError& error, int argc, char** argv);

// The entry of `known` nearest to `word`, or "" when none is near: fewer than half of its letters
// would have to change.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

// --quality fast|best.
CLI::Option* add_quality_flag(CLI::App& command, std::optional<engine::Quality>& quality);

// Flags of every command that runs a model.
struct ModelFlags {
  std::string model;  // empty: the bundled one
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  std::string memory;  // "900M"; empty: what the machine has
};
void add_model_flags(CLI::App& command, ModelFlags& flags);

// kInvalidArgument for a flag that cannot be right whatever the machine.
base::Result<engine::EngineOptions> engine_options(const ModelFlags& flags);
base::Result<std::unique_ptr<engine::Engine>> open_engine(const ModelFlags& flags,
                                                          const engine::EngineOptions& options);

}  // namespace zoetrope::apps
