// The traffic manager without its sockets and clocks: once an epoch it scrapes, runs the policy,
// and publishes a table if it is safe to. Everything it touches is handed in, so that tests inject
// every failure under a simulated clock.
//
// epoch() is for one thread. snapshot() and override_refusal() may be called from any.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "traffic/control/fleet_config.h"
#include "traffic/control/guard.h"
#include "traffic/control/leadership.h"
#include "traffic/control/observer.h"
#include "traffic/control/publication.h"
#include "traffic/control/reachability.h"
#include "traffic/control/scrape.h"
#include "traffic/policy/policy.h"

namespace zoetrope::traffic::control {

// The publication that the manager at this address serves.
using Pull = std::function<base::Result<std::string>(const std::string& leader)>;

struct Surroundings {
  Fetch fetch;
  std::unique_ptr<Leadership> leadership;
  Pull pull;
};

// Something the manager did or noticed, in words.
struct Event {
  Time at{};
  int64_t version = 0;  // in force then
  std::string words;
};

// The state after an epoch, for whoever asks. Never changes once it is out.
struct Snapshot {
  int64_t epoch = 0;
  Time at{};
  Standing standing;
  std::string lease_error;  // empty: none
  bool waiting = false;     // for a first full scrape; nothing is published
  int64_t full_scrape_epoch = 0;
  std::optional<Publication> publication;
  Time published{};                          // by this process; 0: it came from the disk
  std::optional<policy::Decision> decision;  // of the last epoch in which this manager led
  Observation observation;
  std::vector<std::pair<int, int>> unreachable;
  std::vector<Refusal> refusals;
  std::deque<Event> events;  // newest first
  int64_t publications = 0;
  int64_t failed_scrapes = 0;
};

class Manager {
 public:
  // Loads the last good table from config.manager.state. A table there that is broken, or is for
  // other regions, is left alone and reported as an event. Fails where the policy's make() does.
  static base::Result<std::unique_ptr<Manager>> make(FleetConfig config, Surroundings around);

  void epoch(Time now);
  std::shared_ptr<const Snapshot> snapshot() const;
  // kNotFound: nothing of this id is being refused.
  base::Status override_refusal(const std::string& id);
  // Gives up the lease.
  void resign();

  const FleetConfig& config() const { return config_; }
  const policy::Topology& topology() const { return policy_.topology(); }

 private:
  Manager(FleetConfig config, Surroundings around, policy::RoutingPolicy policy);

  std::filesystem::path table_file() const;
  void load();
  void read_worker_files();
  void follow(const std::string& leader);
  void lead(Time now);
  Publication proposal(const policy::Table& table) const;
  void publish(Publication next);
  bool adopt(Publication publication);
  void keep_on_disk();
  void restore_policy();
  void note(std::string words);
  void note_conditions(const policy::Decision& decision);
  void finish();

  const FleetConfig config_;
  Surroundings around_;
  policy::RoutingPolicy policy_;
  Observer observer_;
  Reachability reachability_;
  Snapshot state_;
  bool led_ = false;
  int waited_ = 0;                        // epochs, for a full scrape
  std::vector<std::string> file_errors_;  // of workers files, by region
  std::vector<policy::RegionReport> before_;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Snapshot> snapshot_;
  Guard guard_;
};

}  // namespace zoetrope::traffic::control
