// The flags that commands share.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/api/engine.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace zoetrope::apps {

// --quality fast|best.
CLI::Option* add_quality_flag(CLI::App& command, std::optional<engine::Quality>& quality);

// Flags of every command that runs a model.
struct ModelFlags {
  std::string model;  // empty: the bundled one
  std::string device = "auto";
  std::string dtype = "auto";
  std::string precision = "auto";
  std::string attention = "exact";
  int threads = 0;
  std::string memory;  // "900M"; empty: what the machine has
};
void add_model_flags(CLI::App& command, ModelFlags& flags);

// kInvalidArgument for a flag that cannot be right whatever the machine.
base::Result<engine::EngineOptions> engine_options(const ModelFlags& flags);
base::Result<std::unique_ptr<engine::Engine>> open_engine(const ModelFlags& flags,
                                                          const engine::EngineOptions& options);

}  // namespace zoetrope::apps
