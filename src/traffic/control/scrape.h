// What the manager reads each epoch, and what came back. Values.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/control/metrics_text.h"

namespace zoetrope::traffic::control {

// Time of a monotonic clock. The manager never reads one: it is told.
using Time = std::chrono::nanoseconds;

enum class TargetKind { kWorker, kGateway };

struct Target {
  int region = 0;
  TargetKind kind = TargetKind::kWorker;
  Address address;
};

// Samples as of `taken`, or why there are none.
struct Scrape {
  Target target;
  base::Result<std::vector<Sample>> samples;
  Time taken{};
};

// Reads the metrics of all these targets, now. The production one is scraper.h; tests bring worlds
// of their own.
using Fetch = std::function<std::vector<Scrape>(const std::vector<Target>& targets, Time now)>;

}  // namespace zoetrope::traffic::control
