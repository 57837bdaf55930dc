#include "rehearsal/day.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace zoetrope::rehearsal {
namespace {

namespace load = traffic::load;
using base::Result;
using base::Status;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kSample = std::chrono::seconds(1);

// One stream of jobs into one region, on a thread of its own.
class Stream {
 public:
  Stream(load::Options options, const base::CancelToken& stop)
      : options_(std::move(options)),
        thread_([this, stop] { records_ = load::run(options_, stop); }) {}
  ~Stream() { join(); }
  Stream(const Stream&) = delete;

  // Waits for the last job.
  const std::vector<load::JobRecord>& join() {
    if (thread_.joinable()) thread_.join();
    return records_;
  }

 private:
  const load::Options options_;
  std::vector<load::JobRecord> records_;
  std::thread thread_;
};

// Everybody who submits: the users of each region, and its scheduled jobs.
class Submitters {
 public:
  Submitters(const Cluster& cluster, const std::vector<Phase>& phases, const Clients& clients,
             uint64_t seed) {
    const auto regions = static_cast<size_t>(cluster.regions());
    for (size_t r = 0; r < regions; ++r) {
      load::Options options;
      options.endpoint = load::parse_url(cluster.ingress_url(static_cast<int>(r))).value_or_throw();
      options.submit = clients.submit;
      options.deadline = clients.deadline;
      options.heed_retry_after = false;  // the simulator knows none
      options.seed = seed + r;
      load::Options batch = options;
      batch.seed += regions;
      batch.smear = clients.smear;
      for (const Phase& phase : phases) {
        options.stages.push_back({phase.load[r] * cluster.capacity(), phase.length});
        const double share = phase.batch.empty() ? 0 : phase.batch[r];
        batch.stages.push_back({share * cluster.capacity(), phase.length});
      }
      users_.push_back(std::make_unique<Stream>(std::move(options), stop_));
      batch_.push_back(std::make_unique<Stream>(std::move(batch), stop_));
    }
  }
  ~Submitters() { stop_.cancel(); }

  size_t regions() const { return users_.size(); }
  const std::vector<load::JobRecord>& users(size_t region) { return users_[region]->join(); }
  std::vector<load::JobRecord> users() { return all_of(users_); }
  std::vector<load::JobRecord> batch() { return all_of(batch_); }

 private:
  using Streams = std::vector<std::unique_ptr<Stream>>;
  static std::vector<load::JobRecord> all_of(const Streams& streams) {
    std::vector<load::JobRecord> all;
    for (const auto& stream : streams) {
      const auto& records = stream->join();
      all.insert(all.end(), records.begin(), records.end());
    }
    return all;
  }

  base::CancelToken stop_;
  Streams users_, batch_;
};

double in_seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

// Watches the gateways' counters while the users do their work.
class Watch {
 public:
  explicit Watch(const Cluster& cluster) : cluster_(cluster), begin_(steady_clock::now()) {
    first_ = last_ = now_count();
  }

  nanoseconds time() const { return steady_clock::now() - begin_; }

  // Sleeps until `until`, sampling; false when stopped.
  bool sleep(nanoseconds until, const base::CancelToken& stop) {
    while (time() < until) {
      if (stop.cancelled()) return false;
      std::this_thread::sleep_for(std::min<nanoseconds>(kTick, until - time()));
      if (time() - sampled_ >= kSample) sample();
    }
    return true;
  }

  void sample() {
    const double count = now_count();
    const double gap = in_seconds(time() - sampled_);
    if (gap > 0) peak_ = std::max(peak_, (count - last_) / gap);
    last_ = count;
    sampled_ = time();
  }

  double count() const { return last_ - first_; }
  double peak() const { return peak_; }

 private:
  // A gateway that is too busy to answer keeps the last count.
  double now_count() const {
    const auto attempts = cluster_.attempts();
    return attempts.ok() ? sum(*attempts) : last_;
  }

  const Cluster& cluster_;
  const steady_clock::time_point begin_;
  nanoseconds sampled_{};
  double first_ = 0, last_ = 0, peak_ = 0;
};

// Seconds after `from` from which on jobs that fall due get a worker within `patience`, as far as
// 95 % of those of each second go.
double recovery(const std::vector<load::JobRecord>& records, nanoseconds from, nanoseconds to,
                nanoseconds patience) {
  std::map<int64_t, std::pair<int, int>> seconds;  // jobs, late ones
  for (const load::JobRecord& record : records) {
    if (record.due < from || record.due >= to) continue;
    auto& [jobs, late] = seconds[(record.due - from) / std::chrono::seconds(1)];
    ++jobs;
    const bool in_time =
        record.outcome == load::Outcome::kDone && record.admitted - record.due <= patience;
    if (!in_time) ++late;
  }
  int64_t recovered = 0;
  for (const auto& [second, counts] : seconds) {
    if (counts.second * 100 > counts.first * 5) recovered = second + 1;
  }
  return static_cast<double>(recovered);
}

// Waits for the last job.
void add_figures(const std::vector<Phase>& phases, Submitters& submitters, DayReport& day) {
  const std::vector<load::JobRecord> users = submitters.users();
  const std::vector<load::JobRecord> batch = submitters.batch();
  std::vector<load::JobRecord> all = users;
  all.insert(all.end(), batch.begin(), batch.end());
  nanoseconds end{};
  for (const Phase& phase : phases) end += phase.length;
  nanoseconds from{};
  for (size_t p = 0; p < phases.size(); ++p) {
    const nanoseconds to = from + phases[p].length;
    PhaseReport& report = day.phases[p];
    for (size_t r = 0; r < submitters.regions(); ++r) {
      report.regions.push_back(load::figures(submitters.users(r), from, to));
    }
    report.batch = load::figures(batch, from, to);
    report.all = load::figures(all, from, to);
    if (report.name == "storm") {
      day.recovery_s = recovery(users, to, end, std::chrono::seconds(1));
    }
    from = to;
  }
}

std::string row(const std::string& name, const std::string& who, const load::Figures& is) {
  return fmt::format("{:<16}{:<7}{:>7}{:>9.4f}{:>9.1f}{:>9.2f}{:>9.2f}{:>9.2f}\n", name, who,
                     is.jobs, is.success, is.goodput, is.attempts, is.admission.p50,
                     is.admission.p99);
}

}  // namespace

const PhaseReport& DayReport::phase(const std::string& name) const {
  const auto found = std::find_if(phases.begin(), phases.end(),
                                  [&](const PhaseReport& phase) { return phase.name == name; });
  if (found == phases.end()) throw std::out_of_range("no phase " + name);
  return *found;
}

Result<DayReport> run_day(Cluster& cluster, const std::vector<Phase>& phases,
                          const Clients& clients, uint64_t seed, const base::CancelToken& stop,
                          const base::ProgressSink& progress) {
  DayReport day;
  for (const RegionPlan& region : cluster.plan().regions) day.regions.push_back(region.name);
  Submitters submitters(cluster, phases, clients, seed);
  Watch watch(cluster);
  nanoseconds end{};
  double counted = 0;
  for (size_t p = 0; p < phases.size(); ++p) {
    base::report(progress, phases[p].name, static_cast<int64_t>(p),
                 static_cast<int64_t>(phases.size()));
    if (phases[p].action) ZT_RETURN_IF_ERROR(phases[p].action(cluster));
    end += phases[p].length;
    if (!watch.sleep(end, stop)) return Status{base::StatusCode::kCancelled, "stopped"};
    watch.sample();
    PhaseReport report;
    report.name = phases[p].name;
    report.seconds = in_seconds(phases[p].length);
    report.load = phases[p].load;
    report.attempts = (watch.count() - counted) / report.seconds;
    counted = watch.count();
    report.table = cluster.table();
    day.phases.push_back(std::move(report));
  }
  add_figures(phases, submitters, day);
  watch.sample();
  int64_t jobs = 0;
  for (const PhaseReport& phase : day.phases) jobs += phase.all.jobs;
  day.attempts_per_job = watch.count() / static_cast<double>(std::max<int64_t>(jobs, 1));
  day.peak_attempts = watch.peak();
  return day;
}

nlohmann::json to_json(const DayReport& day) {
  nlohmann::json all = {{"attempts_per_job", day.attempts_per_job},
                        {"peak_attempts_per_s", day.peak_attempts},
                        {"recovery_s", day.recovery_s}};
  for (const PhaseReport& phase : day.phases) {
    nlohmann::json one = {{"name", phase.name},
                          {"seconds", phase.seconds},
                          {"attempts_per_s", phase.attempts},
                          {"all", to_json(phase.all)}};
    if (phase.batch.jobs > 0) one["batch"] = to_json(phase.batch);
    for (size_t r = 0; r < day.regions.size(); ++r) {
      nlohmann::json region = to_json(phase.regions[r]);
      region["load"] = phase.load[r];
      if (phase.table) {
        for (size_t t = 0; t < day.regions.size(); ++t) {
          region["weights"][day.regions[t]] =
              phase.table->weight.at(static_cast<int>(r), static_cast<int>(t));
        }
      }
      one["regions"][day.regions[r]] = std::move(region);
    }
    all["phases"].push_back(std::move(one));
  }
  return all;
}

std::string to_text(const DayReport& day) {
  std::string text = fmt::format("{:<16}{:<7}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "phase", "region",
                                 "jobs", "success", "good/s", "tries", "wait p50", "wait p99");
  for (const PhaseReport& phase : day.phases) {
    for (size_t r = 0; r < day.regions.size(); ++r) {
      text += row(r == 0 ? phase.name : "", day.regions[r], phase.regions[r]);
      if (!phase.table || phase.table->weight.at(static_cast<int>(r), static_cast<int>(r)) ==
                              traffic::policy::kWeightSum) {
        continue;
      }
      text += "                sends";
      for (size_t t = 0; t < day.regions.size(); ++t) {
        const int weight = phase.table->weight.at(static_cast<int>(r), static_cast<int>(t));
        if (weight > 0) text += fmt::format("  {} {:.1f} %", day.regions[t], weight / 100.0);
      }
      text += '\n';
    }
    if (phase.batch.jobs > 0) text += row("", "batch", phase.batch);
  }
  return text;
}

}  // namespace zoetrope::rehearsal
