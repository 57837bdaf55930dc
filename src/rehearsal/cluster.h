// The rehearsal running: four gateways (Envoy), stub workers, the manager, an agent a region,
// Prometheus if there is one; all on loopback, files and logs in one folder. Owned by one thread
// (child.h says why).
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/progress.h"
#include "base/result.h"
#include "rehearsal/plan.h"
#include "rehearsal/stub_worker.h"
#include "traffic/policy/table.h"

namespace zoetrope::rehearsal {

class Cluster {
 public:
  // Answers requests when it returns. The status names what did not start, and its log.
  static base::Result<std::unique_ptr<Cluster>> start(Options options,
                                                      const base::ProgressSink& progress = {});
  ~Cluster();

  const Plan& plan() const { return plan_; }
  int regions() const { return static_cast<int>(plan_.regions.size()); }
  int workers() const { return workers_->size(); }
  // Jobs a second that the workers of one region can do.
  double capacity() const;

  // All workers of a region.
  void set_fault(int region, Fault fault);
  // The first `count` of them.
  void set_fault(int region, int count, Fault fault);
  void kill_manager();
  base::Status start_manager();
  // Ends a gateway and starts it again: what it served is cut off.
  base::Status restart_gateway(int region);

  std::vector<WorkerCounts> counts() const;  // by region
  // Of the gateways, by region: tries at workers or importers so far.
  base::Result<std::vector<double>> attempts() const;
  // The manager's status page as data; its error when it is down.
  base::Result<nlohmann::json> status() const;
  // The table that the manager publishes; nothing when it is down.
  std::optional<traffic::policy::Table> table() const;
  std::string manager_url() const;
  std::string prometheus_url() const;  // empty: none runs
  std::string ingress_url(int region) const;

 private:
  Cluster(Options options, Plan plan);

  base::Status start_all(const base::ProgressSink& progress);
  base::Status start_workers();
  base::Status write_files();
  base::Status start_gateway(int region);
  base::Status start_agent(int region);
  base::Status start_prometheus();
  base::Status launch(const std::string& name, const std::vector<std::string>& command);
  // Until GET `target` at this port says 200.
  base::Status await(const std::string& name, uint16_t port, const std::string& target);
  std::filesystem::path region_folder(int region) const;

  const Options options_;
  Plan plan_;
  std::unique_ptr<StubWorkers> workers_;
  std::map<std::string, base::Child> children_;
};

}  // namespace zoetrope::rehearsal
