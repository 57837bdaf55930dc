// What a rehearsal is made of: regions, workers, ports, and the files that its processes read.
// Values and pure functions; only make_plan() asks the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "rehearsal/stub_worker.h"
#include "traffic/submit/backoff.h"

namespace zoetrope::rehearsal {

struct RegionPlan {
  std::string name;
  std::string continent;
  uint16_t ingress = 0, import = 0, admin = 0;
  std::vector<uint16_t> workers;
};

struct Options {
  int workers = 25;  // a region
  // Everything is four times as fast as a fleet whose jobs take 4 s: service, back-off, epochs.
  ServiceTime service{std::chrono::seconds(1), 0.15};
  traffic::submit::Backoff gateway_backoff{std::chrono::milliseconds(25), std::chrono::seconds(1)};
  int gateway_retries = 8;
  std::chrono::milliseconds epoch = std::chrono::milliseconds(1250);
  uint64_t seed = 1;
  std::filesystem::path folder;           // of files and logs
  std::string envoy;                      // the binary
  std::string prometheus = "prometheus";  // the same; empty: none is started
  std::string zoetrope;                   // ourselves: manager and agents
};

// Four regions so that each ring of the first has one: a neighbour, one further on the continent,
// one overseas.
struct Plan {
  std::vector<RegionPlan> regions;
  uint16_t manager = 0;
  uint16_t prometheus = 0;
};

// Ports that are free now (free_ports.h); `workers` of them a region are workers'.
base::Result<Plan> make_plan(int workers);

// For `zoetrope traffic`.
std::string fleet_toml(const Plan& plan, const Options& options);
// For prometheus --config.file.
std::string prometheus_yaml(const Plan& plan);

}  // namespace zoetrope::rehearsal
