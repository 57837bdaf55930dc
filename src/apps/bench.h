// What the measurements under `zoetrope bench` share.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/flags.h"
#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "bench/workbench.h"

namespace zoetrope::apps {

Command add_bench_blocks(CLI::App& bench);
Command add_bench_ladder(CLI::App& bench);
Command add_bench_model(CLI::App& bench);
Command add_bench_network(CLI::App& bench);
Command add_bench_solvers(CLI::App& bench);

struct StudyFlags {
  bool needs_model = true;
  std::vector<std::string> pictures;
  ModelFlags model;
  std::string out;  // JSON file; empty: none
};
enum class StudyInputs { kModelAndPictures, kNone };
void add_study_flags(CLI::App& command, StudyFlags& flags,
                     StudyInputs inputs = StudyInputs::kModelAndPictures);

struct StudyTarget {
  std::filesystem::path model;  // empty for studies that take none
  at::Device device;
  at::ScalarType dtype;
  std::vector<bench::Question> questions;  // a picture's prompt is the name of its file
};
using StudyBody = std::function<void(const StudyTarget& target, const base::ProgressSink& progress,
                                     const base::CancelToken& cancel)>;
// Opens what the flags name, then runs `body` with progress and Ctrl-C; returns the exit code.
int run_study(const StudyFlags& flags, const StudyBody& body);

// Where and when a measurement was made, for its JSON.
nlohmann::json describe_study(const StudyTarget& target);
// Throws base::Error.
void write_study(const StudyFlags& flags, const nlohmann::json& report);

}  // namespace zoetrope::apps
