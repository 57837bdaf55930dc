// The thread that runs jobs: claims the oldest that waits, makes its results, ends it in the store,
// and only then looks for the next. Any thread may call its methods.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "engine/jobs/context.h"
#include "engine/jobs/render.h"
#include "engine/jobs/running_job.h"

namespace zoetrope::engine::jobs {

class Executor {
 public:
  explicit Executor(Context& context);
  // Lets go of what runs.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // A job may be waiting in the store.
  void wake();
  // What runs now; null between jobs.
  std::shared_ptr<RunningJob> running() const;
  // Stops the job if this server has it, also if it is being claimed at this moment.
  void stop_job(const std::string& id, StopReason why);
  // If a job is being ended just now, waits for that, a moment at most.
  void wait_for_end() const;
  // Starts nothing more; returns when nothing runs, or after `patience`, when what runs is let go.
  void drain(std::chrono::seconds patience);

 private:
  void work();
  bool run_next();  // false: none waits, or the store failed
  void run(Job job);
  base::Result<JobReport> attempt(RunningJob& running);
  RenderHooks hooks_of(RunningJob& running);
  base::Status refusal(const Job& job) const;

  std::shared_ptr<RunningJob> begin(Job job);
  // Ends the attempt in the store; returns what it came to: "completed", "lost", ...
  std::string end(const RunningJob& running, const base::Result<JobReport>& result);
  std::string settle(const Job& job, StopReason why);
  std::string let_go(const Job& job);
  std::string finish(const Job& job);
  bool pause(std::chrono::milliseconds duration);  // false: there is no time left

  Context& context_;
  mutable std::mutex mutex_;  // guards the rest
  mutable std::condition_variable changed_;
  std::shared_ptr<RunningJob> running_;
  std::set<std::string> early_stops_;  // of jobs that are claimed but do not run yet
  bool woken_ = true;
  bool claiming_ = false;
  bool ending_ = false;
  bool draining_ = false;
  bool giving_up_ = false;  // a drain's patience is over
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace zoetrope::engine::jobs
