#include "rehearsal/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace zoetrope::rehearsal {
namespace {

using base::Result;
using base::Status;
using std::chrono::nanoseconds;
namespace submit = traffic::submit;

constexpr int kHot = 0;   // the region that is overloaded
constexpr int kDark = 1;  // the region whose GPUs fail
constexpr double kEnough = 0.99;

nanoseconds seconds(double count, double pace) {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(count * pace));
}

// A blackout has a phase for what users notice (jobs that ran there break off and come again), and
// one in which they should notice nothing.
std::vector<Phase> day_of(double pace) {
  const std::vector<double> calm(4, 0.5);
  const auto hot = [](double load) { return std::vector<double>{load, 0.4, 0.4, 0.4}; };
  const auto fault = [](Fault which) {
    return [which](Cluster& cluster) {
      cluster.set_fault(kDark, which);
      return Status();
    };
  };
  return {
      {"calm", seconds(10, pace), calm},
      {"ring 1", seconds(20, pace), hot(0.9)},
      {"ring 2", seconds(20, pace), hot(1.1)},
      {"overload", seconds(40, pace), hot(1.8)},
      {"manager killed",
       seconds(60, pace),
       hot(1.8),
       {},
       [](Cluster& cluster) {
         cluster.kill_manager();
         return Status();
       }},
      {"manager back",
       seconds(20, pace),
       hot(0.5),
       {},
       [](Cluster& cluster) { return cluster.start_manager(); }},
      {"blackout", seconds(25, pace), calm, {}, fault(Fault::kCrash)},
      {"restored", seconds(20, pace), calm, {}, fault(Fault::kNone)},
  };
}

// A batch falls due in all regions at once, beside the users' jobs.
std::vector<Phase> storm_of(double pace) {
  const std::vector<double> users(4, 0.4);
  return {{"before", seconds(8, pace), users},
          {"storm", seconds(4, pace), users, std::vector<double>(4, 2.1)},
          {"after", seconds(30, pace), users}};
}

Clients careful(const Options& options) {
  Clients clients;
  clients.submit.backoff = options.gateway_backoff;
  return clients;
}

// The storm's careful clients also start most of a batch a little later: within about as long as
// the fleet needs for it.
Clients smeared(const Options& options) {
  Clients clients = careful(options);
  clients.smear = {0.9, 15 * options.service.mean};
  return clients;
}

Clients careless() {
  Clients clients;
  clients.submit.memory = submit::Memory::kImmediate;
  return clients;
}

class Judge {
 public:
  explicit Judge(std::vector<Gate>& gates) : gates_(gates) {}
  void require(bool passed, std::string text) { gates_.push_back({std::move(text), passed}); }
  void at_least(const std::string& what, double value, double bound) {
    require(value >= bound, fmt::format("{}: {:.4f}, at least {}", what, value, bound));
  }

 private:
  std::vector<Gate>& gates_;
};

// That the table of a phase sends from the hot region to these and no others.
void judge_rings(Judge& judge, const PhaseReport& phase, int furthest) {
  if (!phase.table) return judge.require(false, phase.name + ": the manager has no table");
  bool as_expected = true;
  std::string row;
  for (int t = 0; t < static_cast<int>(phase.regions.size()); ++t) {
    const int weight = phase.table->weight.at(kHot, t);
    as_expected = as_expected && (weight > 0) == (t <= furthest);
    row += fmt::format(" {:.1f}", weight / 100.0);
  }
  judge.require(as_expected, fmt::format("{}: weights{} %, rings 1 to {} and no more", phase.name,
                                         row, furthest));
}

void judge_day(Judge& judge, const Rehearsal& found) {
  const DayReport& day = found.day;
  for (const PhaseReport& phase : day.phases) {
    judge.at_least(phase.name + ": success", phase.all.success, kEnough);
  }
  judge_rings(judge, day.phase("ring 1"), 1);
  judge_rings(judge, day.phase("ring 2"), 2);
  judge_rings(judge, day.phase("overload"), 3);
  judge.at_least("overload: success of the region at 1.8 times its capacity",
                 day.phase("overload").regions[kHot].success, kEnough);
  const auto& alone = day.phase("manager killed").all;
  judge.require(alone.done == alone.jobs, fmt::format("manager killed: {} of {} jobs lost",
                                                      alone.jobs - alone.done, alone.jobs));
  judge.require(found.most_at_once == 1,
                fmt::format("no worker had more than {} at once", found.most_at_once));
}

void judge_parity(Judge& judge, const Parity& parity) {
  judge.require(parity.success_within(),
                fmt::format("parity: success {:.4f} live, {:.4f} simulated", parity.live_success,
                            parity.simulated_success));
  for (const Parity::Share& share : parity.split) {
    judge.require(share.within(), fmt::format("parity: share of {} {:.4f} live, {:.4f} +- {:.4f} "
                                              "simulated (weight {:.4f})",
                                              share.region, share.live, share.simulated,
                                              share.half_width, share.weight));
  }
}

void judge_storm(Judge& judge, const Rehearsal& found) {
  constexpr double kVisible = 5;
  const double careless = found.careless->attempts_per_job;
  const double careful = found.careful->attempts_per_job;
  judge.require(
      careless >= kVisible * careful,
      fmt::format("storm: {:.1f} tries a job when careless, {:.1f} when careful, at least "
                  "{} times as many",
                  careless, careful, kVisible));
  judge.at_least("storm: success when careful", found.careful->phase("storm").all.success, kEnough);
  judge.at_least("storm: success after it when careful", found.careful->phase("after").all.success,
                 kEnough);
}

int most_at_once(const Cluster& cluster) {
  int most = 0;
  for (const WorkerCounts& counts : cluster.counts()) most = std::max(most, counts.most_at_once);
  return most;
}

Status run_day_act(const ScriptOptions& options, const Onlooker& onlooker, Rehearsal& found) {
  ZT_ASSIGN_OR_RETURN(const auto cluster, Cluster::start(options.cluster, onlooker.progress));
  if (onlooker.started) onlooker.started(*cluster);
  const Clients clients = careful(options.cluster);
  ZT_ASSIGN_OR_RETURN(found.day, run_day(*cluster, day_of(options.pace), clients,
                                         options.cluster.seed, onlooker.stop, onlooker.progress));
  found.most_at_once = most_at_once(*cluster);
  Judge judge(found.gates);
  judge_day(judge, found);
  const auto& table = found.day.phase("overload").table;
  if (!table) return {};
  ZT_ASSIGN_OR_RETURN(found.parity,
                      compare(found.day.phase("manager killed"), *table, found.day.regions, kHot,
                              options.cluster, clients, options.cluster.seed));
  judge_parity(judge, *found.parity);
  return {};
}

Result<DayReport> storm(const ScriptOptions& options, const Onlooker& onlooker,
                        const Options& cluster_options, const Clients& clients) {
  ZT_ASSIGN_OR_RETURN(const auto cluster, Cluster::start(cluster_options, onlooker.progress));
  if (onlooker.started) onlooker.started(*cluster);
  return run_day(*cluster, storm_of(options.pace), clients, options.cluster.seed, onlooker.stop,
                 onlooker.progress);
}

Status run_storm_act(const ScriptOptions& options, const Onlooker& onlooker, Rehearsal& found) {
  Options naive = options.cluster;
  // What Envoy does unless told otherwise, at the rehearsal's pace: 25 ms and ten times that.
  naive.gateway_backoff = {std::chrono::milliseconds(7), std::chrono::milliseconds(62)};
  naive.folder /= "careless";
  ZT_ASSIGN_OR_RETURN(found.careless, storm(options, onlooker, naive, careless()));
  Options kept = options.cluster;
  kept.folder /= "careful";
  ZT_ASSIGN_OR_RETURN(found.careful, storm(options, onlooker, kept, smeared(kept)));
  Judge judge(found.gates);
  judge_storm(judge, found);
  return {};
}

}  // namespace

bool Rehearsal::passed() const {
  return std::all_of(gates.begin(), gates.end(), [](const Gate& gate) { return gate.passed; });
}

Result<Rehearsal> rehearse(const ScriptOptions& options, const Onlooker& onlooker) {
  Rehearsal found;
  if (options.acts != Acts::kStorm) ZT_RETURN_IF_ERROR(run_day_act(options, onlooker, found));
  if (options.acts != Acts::kDay) ZT_RETURN_IF_ERROR(run_storm_act(options, onlooker, found));
  return found;
}

nlohmann::json to_json(const Rehearsal& rehearsal) {
  nlohmann::json all = {{"passed", rehearsal.passed()}};
  if (!rehearsal.day.phases.empty()) {
    all["day"] = to_json(rehearsal.day);
    all["most_at_once"] = rehearsal.most_at_once;
  }
  if (rehearsal.parity) all["parity"] = to_json(*rehearsal.parity);
  if (rehearsal.careless) all["storm"]["careless"] = to_json(*rehearsal.careless);
  if (rehearsal.careful) all["storm"]["careful"] = to_json(*rehearsal.careful);
  for (const Gate& gate : rehearsal.gates) {
    all["gates"].push_back({{"gate", gate.text}, {"passed", gate.passed}});
  }
  return all;
}

std::string to_text(const Rehearsal& rehearsal) {
  std::string text;
  if (!rehearsal.day.phases.empty()) text += to_text(rehearsal.day);
  const auto storm = [&](const char* title, const DayReport& day) {
    text +=
        fmt::format("\n{}: {:.1f} tries a job, {:.0f}/s at most, calm again after {:.0f} s\n{}",
                    title, day.attempts_per_job, day.peak_attempts, day.recovery_s, to_text(day));
  };
  if (rehearsal.careless) storm("Storm, careless clients", *rehearsal.careless);
  if (rehearsal.careful) storm("Storm, smear and kept back-off", *rehearsal.careful);
  text += '\n';
  for (const Gate& gate : rehearsal.gates) {
    text += fmt::format("{}  {}\n", gate.passed ? "ok    " : "FAILED", gate.text);
  }
  return text;
}

}  // namespace zoetrope::rehearsal
