#include "rehearsal/cluster.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.h"
#include "traffic/control/files.h"
#include "traffic/control/http_client.h"
#include "traffic/control/metrics_text.h"
#include "traffic/control/publication.h"
#include "traffic/control/xds_documents.h"
#include "traffic/envoy/gateway.h"

namespace zoetrope::rehearsal {
namespace {

namespace control = traffic::control;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

constexpr milliseconds kPatience(2000);
constexpr auto kStartPatience = std::chrono::seconds(30);
constexpr auto kStopPatience = std::chrono::seconds(3);
constexpr milliseconds kPoll(50);

control::Address local(uint16_t port) { return {"127.0.0.1", port}; }

Result<std::string> get(uint16_t port, const std::string& target) {
  return control::body_of(control::fetch({local(port), target, {}}, kPatience), local(port));
}

// What gateways start with: every region serves its own.
control::Publication first_publication(const Plan& plan) {
  control::Publication first;
  first.version = 1;
  for (const RegionPlan& region : plan.regions) {
    control::PublishedRegion published;
    published.name = region.name;
    published.import = local(region.import);
    for (const uint16_t port : region.workers) published.endpoints.push_back(local(port));
    first.regions.push_back(std::move(published));
  }
  first.table = traffic::policy::home_table(static_cast<int>(plan.regions.size()));
  return first;
}

traffic::envoy::Gateway gateway_of(const Plan& plan, int region, const Options& options,
                                   const std::filesystem::path& folder) {
  const RegionPlan& is = plan.regions[static_cast<size_t>(region)];
  const auto in_ms = [](std::chrono::nanoseconds time) {
    return std::chrono::ceil<milliseconds>(time);
  };
  traffic::envoy::Gateway gateway;
  gateway.region = is.name;
  gateway.id = "gateway-" + is.name;
  gateway.ingress = {"127.0.0.1", is.ingress};
  gateway.import = {"127.0.0.1", is.import};
  gateway.admin = {"127.0.0.1", is.admin};
  gateway.folder = folder.string();
  gateway.retries.count = options.gateway_retries;
  for (auto* retries : {&gateway.retries, &gateway.import_retries}) {
    retries->base_interval = in_ms(options.gateway_backoff.base);
    retries->max_interval = in_ms(options.gateway_backoff.cap);
  }
  return gateway;
}

Status write_tables(const control::Publication& publication, int region,
                    const std::filesystem::path& folder) {
  const std::pair<const char*, std::string_view> files[] = {
      {"pool.json", control::kPoolResource},
      {"pool_local.json", control::kLocalPoolResource},
      {"runtime.json", control::kRuntimeResource}};
  for (const auto& [name, resource] : files) {
    ZT_RETURN_IF_ERROR(control::replace_file(
        folder / name, *control::discovery_response(publication, region, resource)));
  }
  return {};
}

}  // namespace

Cluster::Cluster(Options options, Plan plan)
    : options_(std::move(options)), plan_(std::move(plan)) {}

Cluster::~Cluster() {
  for (auto& [name, child] : children_) child.stop(kStopPatience);
}

Result<std::unique_ptr<Cluster>> Cluster::start(Options options,
                                                const base::ProgressSink& progress) {
  ZT_ASSIGN_OR_RETURN(Plan plan, make_plan(options.workers));
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options), std::move(plan)));
  ZT_RETURN_IF_ERROR(cluster->start_all(progress));
  return cluster;
}

Status Cluster::start_all(const base::ProgressSink& progress) {
  const int64_t of = 2 * regions() + 3;
  int64_t done = 0;
  const auto next = [&] { base::report(progress, "start", ++done, of); };
  ZT_RETURN_IF_ERROR(start_workers());
  ZT_RETURN_IF_ERROR(write_files());
  next();
  for (int r = 0; r < regions(); ++r, next()) ZT_RETURN_IF_ERROR(start_gateway(r));
  ZT_RETURN_IF_ERROR(start_manager());
  next();
  for (int r = 0; r < regions(); ++r, next()) ZT_RETURN_IF_ERROR(start_agent(r));
  ZT_RETURN_IF_ERROR(start_prometheus());
  next();
  return {};
}

Status Cluster::start_workers() {
  std::vector<StubWorkers::Place> places;
  for (const RegionPlan& region : plan_.regions) {
    int number = 0;
    for (const uint16_t port : region.workers) places.push_back({region.name, number++, port});
  }
  WorkerOptions worker;
  worker.service = options_.service;
  worker.seed = options_.seed;
  ZT_ASSIGN_OR_RETURN(workers_, StubWorkers::start(places, worker));
  return {};
}

std::filesystem::path Cluster::region_folder(int region) const {
  return options_.folder / plan_.regions[static_cast<size_t>(region)].name;
}

Status Cluster::write_files() {
  const control::Publication first = first_publication(plan_);
  for (int r = 0; r < regions(); ++r) {
    const auto folder = region_folder(r);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return base::unavailable(folder.string() + ": " + error.message());
    ZT_RETURN_IF_ERROR(write_tables(first, r, folder));
    ZT_ASSIGN_OR_RETURN(const std::string bootstrap,
                        traffic::envoy::bootstrap(gateway_of(plan_, r, options_, folder)));
    ZT_RETURN_IF_ERROR(control::replace_file(folder / "envoy.json", bootstrap));
  }
  ZT_RETURN_IF_ERROR(
      control::replace_file(options_.folder / "fleet.toml", fleet_toml(plan_, options_)));
  return control::replace_file(options_.folder / "prometheus.yml", prometheus_yaml(plan_));
}

Status Cluster::launch(const std::string& name, const std::vector<std::string>& command) {
  auto child = base::Child::start(command, options_.folder / (name + ".log"));
  if (!child.ok()) return child.status().with_context(name);
  children_.erase(name);
  children_.emplace(name, std::move(child).value());
  return {};
}

Status Cluster::await(const std::string& name, uint16_t port, const std::string& target) {
  const auto until = std::chrono::steady_clock::now() + kStartPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (get(port, target).ok()) return {};
    if (!children_.at(name).running()) break;
    std::this_thread::sleep_for(kPoll);
  }
  const auto log = options_.folder / (name + ".log");
  return base::unavailable(
      fmt::format("{} did not start; see {}: {}", name, log.string(), base::last_line(log)));
}

Status Cluster::start_gateway(int region) {
  const std::string name = "gateway-" + plan_.regions[static_cast<size_t>(region)].name;
  ZT_RETURN_IF_ERROR(
      launch(name, {options_.envoy, "-c", (region_folder(region) / "envoy.json").string(),
                    "--disable-hot-restart", "--concurrency", "1", "-l", "warn"}));
  return await(name, plan_.regions[static_cast<size_t>(region)].admin, "/ready");
}

Status Cluster::restart_gateway(int region) {
  children_.at("gateway-" + plan_.regions[static_cast<size_t>(region)].name).kill();
  return start_gateway(region);
}

Status Cluster::start_manager() {
  ZT_RETURN_IF_ERROR(launch(
      "manager", {options_.zoetrope, "traffic", "run", (options_.folder / "fleet.toml").string()}));
  return await("manager", plan_.manager, "/health/live");
}

void Cluster::kill_manager() { children_.at("manager").kill(); }

Status Cluster::start_agent(int region) {
  const std::string& name = plan_.regions[static_cast<size_t>(region)].name;
  return launch("agent-" + name, {options_.zoetrope, "traffic", "agent", "--region", name,
                                  "--manager", fmt::format("127.0.0.1:{}", plan_.manager),
                                  "--folder", region_folder(region).string(), "--seconds", "0.25"});
}

Status Cluster::start_prometheus() {
  if (options_.prometheus.empty()) return {};
  ZT_RETURN_IF_ERROR(
      launch("prometheus",
             {options_.prometheus, "--config.file=" + (options_.folder / "prometheus.yml").string(),
              "--storage.tsdb.path=" + (options_.folder / "prometheus").string(),
              fmt::format("--web.listen-address=127.0.0.1:{}", plan_.prometheus)}));
  return await("prometheus", plan_.prometheus, "/-/ready");
}

double Cluster::capacity() const {
  return options_.workers / std::chrono::duration<double>(options_.service.mean).count();
}

void Cluster::set_fault(int region, Fault fault) { set_fault(region, options_.workers, fault); }

void Cluster::set_fault(int region, int count, Fault fault) {
  for (int i = 0; i < count; ++i) workers_->set_fault(region * options_.workers + i, fault);
}

std::vector<WorkerCounts> Cluster::counts() const {
  std::vector<WorkerCounts> all(static_cast<size_t>(regions()));
  for (int i = 0; i < workers_->size(); ++i) {
    WorkerCounts& sum = all[static_cast<size_t>(i / options_.workers)];
    const WorkerCounts one = workers_->counts(i);
    sum.accepted += one.accepted;
    sum.refused += one.refused;
    sum.finished += one.finished;
    sum.disconnected += one.disconnected;
    sum.most_at_once = std::max(sum.most_at_once, one.most_at_once);
  }
  return all;
}

Result<std::vector<double>> Cluster::attempts() const {
  std::vector<double> all;
  for (const RegionPlan& region : plan_.regions) {
    ZT_ASSIGN_OR_RETURN(const std::string text,
                        get(region.admin, "/stats?filter=upstream_rq_total"));
    const std::string name = "cluster.pool.upstream_rq_total: ";
    const size_t at = text.find(name);
    if (at == std::string::npos) return base::unavailable("gateway: no upstream_rq_total");
    all.push_back(std::strtod(text.c_str() + at + name.size(), nullptr));
  }
  return all;
}

Result<nlohmann::json> Cluster::status() const {
  ZT_ASSIGN_OR_RETURN(const std::string text, get(plan_.manager, "/v1/status"));
  return base::parse_json(text, "status", {});
}

std::optional<traffic::policy::Table> Cluster::table() const {
  const auto text = get(plan_.manager, "/v1/publication");
  if (!text.ok()) return std::nullopt;
  auto publication = control::parse_publication(*text, "publication");
  if (!publication.ok()) return std::nullopt;
  return std::move(publication->table);
}

std::string Cluster::manager_url() const {
  return fmt::format("http://127.0.0.1:{}/", plan_.manager);
}

std::string Cluster::prometheus_url() const {
  if (options_.prometheus.empty()) return {};
  return fmt::format("http://127.0.0.1:{}/", plan_.prometheus);
}

std::string Cluster::ingress_url(int region) const {
  return fmt::format("http://127.0.0.1:{}/v1/images/generations",
                     plan_.regions[static_cast<size_t>(region)].ingress);
}

}  // namespace zoetrope::rehearsal
