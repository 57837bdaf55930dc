// What the records of a load test say: success, goodput, percentiles, attempts, and the knee.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "traffic/load/load_test.h"

namespace zoetrope::traffic::load {

struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, p999 = 0;  // seconds
};

// Nearest rank; zeros of nothing.
Percentiles percentiles(std::vector<double> values);

struct Figures {
  int64_t jobs = 0;
  int64_t done = 0;
  double success = 0;                        // done / jobs
  double offered = 0;                        // jobs a second
  double goodput = 0;                        // done a second, by when they were due
  double attempts = 0;                       // a job, of all tiers
  double submissions = 0;                    // a job
  Percentiles latency;                       // done jobs: from when they were due to the last byte
  Percentiles admission;                     // done jobs: from when they were due to the headers
  std::map<std::string, int64_t> by_region;  // done jobs
  std::map<std::string, int64_t> outcomes;
};

// Of the jobs due in [from, to).
Figures figures(const std::vector<JobRecord>& records, std::chrono::nanoseconds from,
                std::chrono::nanoseconds to);

struct StageFigures {
  Stage stage;
  Figures figures;
};

std::vector<StageFigures> by_stage(const std::vector<JobRecord>& records,
                                   const std::vector<Stage>& stages);

// The load up to which success stays at or above `target`: between the last stage that holds it and
// the first that does not, on a straight line. Nothing if the first stage fails, or none does.
std::optional<double> knee(const std::vector<StageFigures>& stages, double target);

nlohmann::json to_json(const Figures& figures);

}  // namespace zoetrope::traffic::load
