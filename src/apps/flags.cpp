#include "apps/flags.h"

#include <CLI/CLI.hpp>

#include <map>

#include "apps/model_folder.h"
#include "engine/api/memory_size.h"

namespace zoetrope::apps {
namespace {

// Of the right form; whether the machine has it is the engine's to say.
CLI::Validator device_name() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        const bool numbered = text.starts_with("cuda:") && text.size() > 5 &&
                              text.find_first_not_of("0123456789", 5) == std::string::npos;
        if (text == "auto" || text == "cpu" || text == "cuda" || numbered) return {};
        return "'" + text + "' is not auto, cpu, cuda or cuda:N";
      },
      "");
}

}  // namespace

CLI::Option* add_quality_flag(CLI::App& command, std::optional<engine::Quality>& quality) {
  const std::map<std::string, engine::Quality> names = {{"fast", engine::Quality::kFast},
                                                        {"best", engine::Quality::kBest}};
  return command
      .add_option_function<engine::Quality>(
          "--quality", [&quality](const engine::Quality& chosen) { quality = chosen; },
          "fast: the distilled student, few steps of one pass; best: the guided teacher (default: "
          "fast where the model has a student)")
      ->transform(CLI::CheckedTransformer(names))
      ->type_name("fast|best");
}

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  command
      .add_option("--model", flags.model,
                  "Folder of a model in the diffusers layout (default: the bundled model)")
      ->type_name("DIR")
      ->group("Model");
  command.add_option("--device", flags.device, "auto, cpu, cuda or cuda:N")
      ->type_name("NAME")
      ->check(device_name(), "")
      ->capture_default_str()
      ->group("Model");
  command
      .add_option("--dtype", flags.dtype,
                  "auto, fp32, bf16 or fp16; auto is bf16 where the machine has it")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str()
      ->group("Model");
  command
      .add_option("--precision", flags.precision,
                  "Of a transformer's linear layers: bf16 (as --dtype says), fp8 (faster), int8 or "
                  "int4 (smaller); auto is what loses nothing")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"auto", "bf16", "fp8", "int8", "int4"}))
      ->capture_default_str()
      ->group("Model");
  command
      .add_option("--attention", flags.attention,
                  "Of a transformer: exact, or fp8 (faster on a Hopper GPU over 2,048 tokens or "
                  "more; docs/attention.md says what it costs)")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"exact", "fp8"}))
      ->capture_default_str()
      ->group("Model");
  command.add_option("--threads", flags.threads, "CPU threads (default: one a core)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024))
      ->group("Model");
  command
      .add_option("--memory", flags.memory,
                  "Take no more than this, like 900M or 24GB: on a GPU weights leave it in "
                  "between, work that "
                  "cannot fit is refused (default: what is free)")
      ->type_name("SIZE")
      ->group("Model");
}

base::Result<engine::EngineOptions> engine_options(const ModelFlags& flags) {
  engine::EngineOptions options{.device = flags.device,
                                .dtype = flags.dtype,
                                .precision = flags.precision,
                                .attention = flags.attention,
                                .threads = flags.threads};
  if (!flags.memory.empty()) {
    ZT_ASSIGN_OR_RETURN(options.memory_limit_bytes, engine::parse_bytes(flags.memory));
  }
  return options;
}

base::Result<std::unique_ptr<engine::Engine>> open_engine(const ModelFlags& flags,
                                                          const engine::EngineOptions& options) {
  ZT_ASSIGN_OR_RETURN(const std::filesystem::path folder, find_model(flags.model));
  return engine::Engine::open(folder, options);
}

}  // namespace zoetrope::apps
