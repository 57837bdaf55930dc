// A scripted day of the rehearsal: load by region and phase, what breaks when, and what came of it.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "rehearsal/cluster.h"
#include "traffic/load/figures.h"
#include "traffic/policy/table.h"

namespace zoetrope::rehearsal {

struct Phase {
  std::string name;
  std::chrono::nanoseconds length{};
  std::vector<double> load;  // of users, by region, as a share of what its workers can do
  // The same of scheduled jobs, which may be put off (Clients::smear); empty: none.
  std::vector<double> batch = {};
  // At its beginning.
  std::function<base::Status(Cluster&)> action = {};
};

// How users submit.
struct Clients {
  traffic::submit::SubmitOptions submit;
  traffic::submit::Smear smear;  // of scheduled jobs
  std::chrono::nanoseconds deadline = std::chrono::seconds(30);
};

struct PhaseReport {
  std::string name;
  double seconds = 0;
  std::vector<double> load;
  std::vector<traffic::load::Figures> regions;  // users
  traffic::load::Figures batch;                 // scheduled jobs, of all regions
  traffic::load::Figures all;                   // both
  double attempts = 0;                          // tries of the gateways during the phase, a second
  std::optional<traffic::policy::Table> table;  // in force at its end, if the manager was there
};

struct DayReport {
  std::vector<std::string> regions;
  std::vector<PhaseReport> phases;
  double attempts_per_job = 0;  // of the gateways
  double peak_attempts = 0;     // a second
  // From the end of the phase `storm`, if there is one, until users are admitted within a second
  // again.
  double recovery_s = 0;

  const PhaseReport& phase(const std::string& name) const;  // must exist
};

// Runs the phases one after the other and waits for the last job. kCancelled.
base::Result<DayReport> run_day(Cluster& cluster, const std::vector<Phase>& phases,
                                const Clients& clients, uint64_t seed,
                                const base::CancelToken& stop,
                                const base::ProgressSink& progress = {});

nlohmann::json to_json(const DayReport& day);
std::string to_text(const DayReport& day);

}  // namespace zoetrope::rehearsal
