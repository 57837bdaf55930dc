// The rehearsal's script: a day with an overload that spills ring by ring, the manager killed for a
// minute, a blackout; and a retry storm, once with careless submitters and once with careful ones.
// Each has gates, as a scenario of the simulator has.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rehearsal/cluster.h"
#include "rehearsal/day.h"
#include "rehearsal/parity.h"

namespace zoetrope::rehearsal {

struct Gate {
  std::string text;
  bool passed = false;
};

struct Rehearsal {
  DayReport day;
  std::optional<Parity> parity;
  // What the workers counted over the day: more than one request at once on one is a broken slot.
  int most_at_once = 0;
  std::optional<DayReport> careless, careful;  // the storm
  std::vector<Gate> gates;

  bool passed() const;
};

enum class Acts { kAll, kDay, kStorm };

struct ScriptOptions {
  Options cluster;
  Acts acts = Acts::kAll;
  // Of the lengths of phases: 1 is about five minutes. Below about 0.7 tables have no time to
  // settle, and gates may fail.
  double pace = 1;
};

struct Onlooker {
  base::CancelToken stop;
  base::ProgressSink progress;
  std::function<void(const Cluster&)> started;  // a cluster answers: say where
};

// kCancelled; kUnavailable: something did not start.
base::Result<Rehearsal> rehearse(const ScriptOptions& options, const Onlooker& onlooker);

nlohmann::json to_json(const Rehearsal& rehearsal);
std::string to_text(const Rehearsal& rehearsal);

}  // namespace zoetrope::rehearsal
