// zoetrope eval run: clips of several configurations, measured beside each other.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <system_error>

#include "apps/eval.h"
#include "apps/exit_code.h"
#include "apps/flags.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/model_folder.h"
#include "apps/progress_view.h"
#include "eval/compare.h"

namespace zoetrope::apps {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::string data, out, held_out, features;
  std::vector<std::string> configurations;
  ModelFlags model;
  eval::CompareOptions compare;
  bool json = false, quiet = false;

  Output output() const { return json ? Output::kJson : Output::kText; }
};

constexpr const char* kFooter = R"(
Every real clip of DATA gives one picture (its first frame) and one prompt (its
caption); every configuration makes a clip of them with every seed. A
configuration is NAME:key=value,key=value with the keys model (a folder),
quality, steps, motion, text-guidance and image-guidance; what is left out is
the model's default. The clips are then compared with those of the reference at the same
seed, and with the real ones. docs/evaluation.md defines the figures.

DATA is what `zoetrope train prepare` wrote, of which the held-out clips count
(all of them if none is held out), or a folder that it could read.

Interrupted, the same command goes on where it stopped: clips are kept in
DIR/clips and made again only if their configuration or model has changed. DIR
receives report.json, report.txt and sheet.png.

Examples:
  zoetrope eval run examples/stickers -o report --limit 8 \
      -c fine:steps=32 -c coarse:steps=8
  zoetrope eval run run/data -o report --reference teacher32 --seed 0 1 \
      -c teacher32:quality=best,steps=32 -c teacher8:quality=best,steps=8 \
      -c student:quality=fast

Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted.)";

void add_flags(CLI::App& command, Flags& flags) {
  command.add_option("DATA", flags.data, "Real clips with captions")->required();
  command.add_option("-o,--out", flags.out, "Folder to write")->required()->type_name("DIR");
  command
      .add_option("-c,--configuration", flags.configurations,
                  "One way of making clips, NAME:key=value,...; repeat for each")
      ->required()
      ->allow_extra_args(false)
      ->type_name("NAME:...");
  command
      .add_option("--reference", flags.compare.reference,
                  "Configuration that the others are held against (default: the first)")
      ->type_name("NAME");
  command.add_option("--seed", flags.compare.seeds, "Seeds of the clips")
      ->type_name("N...")
      ->expected(1, 1000)
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--limit", flags.compare.limit,
                  "Take this many clips only, spread over the concepts (default: all)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--held-out", flags.held_out,
                  "Concepts that count, one a line, where DATA is not prepared (default: all)")
      ->type_name("FILE");
  command
      .add_option("--features", flags.features,
                  "Model whose autoencoder gives the features of perceptual and Frechet distance "
                  "(default: --model)")
      ->type_name("DIR");
  command
      .add_option("--lpips", flags.compare.lpips,
                  "Folder with the weights of LPIPS, which is measured too then")
      ->type_name("DIR");
  command
      .add_option("--replicates", flags.compare.summary.replicates,
                  "Samples drawn for the intervals")
      ->type_name("N")
      ->check(CLI::Range(100, 100000))
      ->capture_default_str();
  command.add_option("--bootstrap-seed", flags.compare.summary.seed, "Seed of those samples")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--sheet-clips", flags.compare.sheet_clips, "Clips on the contact sheet; 0: none")
      ->type_name("N")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  add_model_flags(command, flags.model);
  command.get_option("--model")->description(
      "Model of the configurations that name none (default: the bundled model)");
  command.add_flag("--json", flags.json, "Print the report as one JSON object on stdout");
  command.add_flag("-q,--quiet", flags.quiet, "No progress, errors and warnings only");
}

// The prepared form of flags.data.
base::Result<std::string> prepared_data(const Flags& flags, const PrepareData& prepare,
                                        const base::ProgressSink& progress,
                                        const base::CancelToken& cancel) {
  std::error_code ignored;
  if (fs::exists(fs::path(flags.data) / "index.safetensors", ignored)) return flags.data;
  if (!prepare) {
    return base::not_found(flags.data +
                           ": no index.safetensors; write it with `zoetrope train prepare`");
  }
  const fs::path made = fs::path(flags.out) / "data";
  if (!fs::exists(made / "clips.safetensors", ignored)) {  // written last
    ZT_RETURN_IF_ERROR(prepare(flags.data, made.string(), flags.held_out, progress, cancel));
  }
  return made.string();
}

base::Result<eval::CompareOptions> options_of(const Flags& flags) {
  eval::CompareOptions options = flags.compare;
  options.out = flags.out;
  ZT_ASSIGN_OR_RETURN(options.engine, engine_options(flags.model));
  ZT_ASSIGN_OR_RETURN(options.configurations, eval::parse_configurations(flags.configurations));
  return options;
}

// Model folders, which are looked for only once the flags are known to be right.
base::Status find_models(const Flags& flags, eval::CompareOptions& options) {
  for (eval::Configuration& configuration : options.configurations) {
    const std::string given =
        configuration.model.empty() ? flags.model.model : configuration.model.string();
    auto found = find_model(given);
    if (!found.ok()) {
      return found.status().with_context("configuration '" + configuration.name + "'");
    }
    configuration.model = std::move(*found);
  }
  ZT_ASSIGN_OR_RETURN(options.feature_model,
                      find_model(flags.features.empty() ? flags.model.model : flags.features));
  return {};
}

int run(const Flags& flags, const PrepareData& prepare) {
  const InterruptGuard interrupt;
  auto options = options_of(flags);
  if (!options.ok()) return fail_usage(options.status(), flags.output());
  const base::Status found = find_models(flags, *options);
  if (!found.ok()) return fail(found, flags.output());
  const auto result = [&]() -> base::Result<eval::CompareResult> {
    const auto view =
        make_progress_view(flags.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
    const base::ProgressSink progress = [&](const base::Progress& p) { view->update(p); };
    ZT_ASSIGN_OR_RETURN(options->data, prepared_data(flags, prepare, progress, interrupt.token()));
    auto compared = eval::compare(*options, progress, interrupt.token());
    if (compared.ok()) view->finish("written: " + (options->out / "report.json").string());
    return compared;
  }();
  if (!result.ok()) return fail(result.status(), flags.output());
  if (flags.json) {
    print_json(result->report);
  } else {
    fmt::print("{}", result->table);
  }
  return kExitFine;
}

}  // namespace

Command add_eval_run(CLI::App& parent, PrepareData prepare) {
  CLI::App* command =
      parent.add_subcommand("run", "Make clips of several configurations and compare them");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_flags(*command, *flags);
  return {command, [flags, prepare = std::move(prepare)] { return run(*flags, prepare); }};
}

}  // namespace zoetrope::apps
