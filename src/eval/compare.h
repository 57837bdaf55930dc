// The whole comparison: clips made or taken from the store, measured, summed up, written down.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "engine/api/engine.h"
#include "eval/configuration.h"
#include "eval/summary.h"

namespace zoetrope::eval {

struct CompareOptions {
  std::string data;                           // folder, see eval_set.h
  std::filesystem::path out;                  // folder; made if need be
  std::vector<Configuration> configurations;  // each names its model's folder
  std::string reference;                      // one of their names; empty: the first
  std::vector<uint64_t> seeds = {0};
  int64_t limit = 0;  // clips; 0 = all
  engine::EngineOptions engine;
  std::filesystem::path feature_model;  // whose autoencoder gives the features
  std::filesystem::path lpips;          // folder of LPIPS's weights; empty: without
  SummaryOptions summary;
  int sheet_clips = 8;
};

struct CompareResult {
  std::string table;
  nlohmann::json report;
};

// Writes OUT/clips (an interrupted comparison goes on from there), OUT/report.json, OUT/report.txt
// and OUT/sheet.png. Errors name the configuration, the flag or the file; all that can be checked
// is, before the first clip.
base::Result<CompareResult> compare(const CompareOptions& options,
                                    const base::ProgressSink& progress,
                                    const base::CancelToken& cancel);

}  // namespace zoetrope::eval
