// The state of one run, and what happens at each event. simulate() (simulator.h) is the way in;
// this header is for the sources of the simulator alone.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "traffic/fleet/event_queue.h"
#include "traffic/fleet/random.h"
#include "traffic/fleet/rates.h"
#include "traffic/fleet/recorder.h"
#include "traffic/fleet/router.h"
#include "traffic/fleet/simulator.h"

namespace zoetrope::traffic::fleet {

struct Region {
  int64_t busy = 0;
  int64_t ready = 0;     // GPUs that work
  int64_t imported = 0;  // of the busy ones: with jobs of other regions
  int64_t asked = 0;     // GPUs that gateways ask: dead ones too until they are ejected
  int64_t free_at = 0;   // ns, when the ingress has made the tries it was asked for
};

class Simulation {
 public:
  static base::Result<std::unique_ptr<Simulation>> make(const Options& options, uint64_t seed);

  base::Status run(const RunContext& context);
  RunResult take_result();

 private:
  Simulation(const Options& options, uint64_t seed, std::vector<Place> places,
             const std::vector<int>& gpus, Router router);

  // simulation.cpp: the path of a job.
  void arrive(int region);
  void submit(Event job);
  void attempt(Event job);
  void ask(Event job);         // the gateway picks a region and asks
  void ask_import(Event job);  // the import listener of another region asks
  void refused(Event job, int64_t delay);
  void abandoned(const Event& job, submit::TryEnd end, int64_t at);
  void done(const Event& job);
  void handle(const Event& event);
  // Who asks: the gateway for its own users, or its import listener.
  enum class Asker { kGateway, kImport };
  bool finds_worker(const Region& region, Asker asker);
  void admit(Event job, int region);
  int64_t gateway_wait(const submit::Backoff& backoff, int tries);

  // simulation_tick.cpp: what happens by the clock.
  base::Status tick(int64_t now, bool arrivals);
  void apply_faults();
  void set_ready(int region, int64_t ready);
  base::Status epoch();
  bool active(FaultKind kind, int region) const;

  const Options options_;
  std::vector<Place> places_;
  std::vector<int> gpus_;
  Random random_;
  EventQueue queue_;
  ServiceTime service_;
  Rates rates_;
  Router router_;
  Recorder recorder_;
  std::vector<Region> regions_;
  std::vector<int64_t> notice_at_;  // ns, when gateways learn what happened to a region's GPUs
  int64_t now_ = 0;
  int64_t next_epoch_ = 0;
  uint64_t jobs_ = 0;
  int64_t events_ = 0;
  int64_t published_ = 0;
  uint64_t seed_;
};

}  // namespace zoetrope::traffic::fleet
