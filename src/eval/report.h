// A comparison as people read it and as machines do.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "eval/configuration.h"
#include "eval/summary.h"

namespace zoetrope::eval {

// What was compared, for the head of the report.
struct Comparison {
  std::string data;  // folder
  std::vector<Configuration> configurations;
  std::vector<MadeConfiguration> made;
  size_t reference = 0;
  std::vector<uint64_t> seeds;
  std::string feature_model;  // fingerprint of the model whose encoder was used
  SummaryOptions options;
};

// Tables of figures with their intervals, differences, and what to mind; lines end in '\n'.
std::string table(const Comparison& comparison, const EvalSet& set, const Summary& summary);

// Everything: settings, figures, intervals, differences, and the figures of every clip.
nlohmann::json report_json(const Comparison& comparison, const EvalSet& set,
                           const Measurements& measurements, const Summary& summary);

}  // namespace zoetrope::eval
