// The JobService: takes requests in, runs them on the engine one at a time, and tells whoever asks.
//
// Admission never queues behind a busy device unless told to (Options::queue): a request is
// accepted only if a slot is free, or refused at once with kResourceExhausted. Every accepted job
// is in the store and its picture in its folder before submit() returns; after a crash the next
// start finds them and runs them again. Any thread may call anything here; callbacks run on the
// service's threads and must be quick.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/engine.h"
#include "engine/api/job.h"
#include "engine/api/job_store.h"

namespace zoetrope::engine {

struct JobServiceOptions {
  std::filesystem::path folder;     // of pictures and results, one folder a job
  std::string server = "zoetrope";  // this server's name in the store; one process a name
  int queue = 0;                    // jobs that may wait beside the running one
  std::chrono::seconds keep_results = std::chrono::hours(24);
  std::chrono::seconds deadline = std::chrono::minutes(10);  // of a job that names none
  std::chrono::seconds stall = std::chrono::minutes(2);      // without progress: unhealthy
  std::chrono::seconds lease = std::chrono::seconds(30);
  int max_attempts = 3;  // starts of a job whose server keeps dying
};

struct NewJob {
  JobRequest what;
  std::string owner;
  // A replay must be the same request: a seed that the client did not name must follow from the
  // key.
  std::string idempotency_key;
  bool attended = false;
  std::optional<std::chrono::milliseconds> deadline;
  int owner_limit = 0;  // jobs of this owner at one time; 0 = no limit
};

// What a watcher of a job sees. The first event tells the state at that moment; the last one has a
// final state, after which nothing comes.
struct JobEvent {
  Job job;            // as it stands
  std::string stage;  // "denoise", ...: empty if only the state changed
  int64_t step = 0;
  int64_t of = 0;
  std::vector<uint8_t> preview;  // JPEG: the clip as it forms; usually empty
};

struct WatchOptions {
  bool previews = false;
};

// Ends the watching when it goes; waits for a callback that is running, except on its own thread.
class JobWatch {
 public:
  virtual ~JobWatch() = default;
};

struct ServiceHealth {
  bool live = true;   // false: restart the process; `reason` says why
  bool ready = true;  // false: send nothing here now (draining, stalled, store not reachable)
  std::string reason;
  int running = 0;
  int queued = 0;
};

class JobService {
 public:
  // `engine`, `store` and `registry` must outlive the service. Recovers what an earlier process
  // left. kInvalidArgument, kPermissionDenied: the folder.
  static base::Result<std::unique_ptr<JobService>> start(Engine& engine, JobStore& store,
                                                         prometheus::Registry& registry,
                                                         JobServiceOptions options);
  // Stops at once: what runs is let go and waits in the store.
  virtual ~JobService() = default;

  virtual const Engine& engine() const = 0;

  // Whether a submit() now would find a slot: one atomic read, so that a busy server can refuse a
  // request before it reads its body.
  virtual bool has_room() const = 0;
  // The job, queued or already running. The same idempotency key gives the same job again.
  // kInvalidArgument: one line that starts with the field's name. kResourceExhausted: no slot, or
  // too many jobs of this owner. kAlreadyExists: the key was used for another request.
  // kUnavailable: draining, or the store.
  virtual base::Result<Job> submit(NewJob job) = 0;
  virtual base::Result<std::optional<Job>> find_by_key(const std::string& owner,
                                                       const std::string& idempotency_key) = 0;

  virtual base::Result<Job> get(const std::string& owner, const std::string& id) = 0;
  virtual base::Result<JobPage> list(const JobQuery& query) = 0;
  // Takes effect within one denoising step. A final job stays as it is.
  virtual base::Result<Job> cancel(const std::string& owner, const std::string& id) = 0;
  // Forgets the job and its files; one that runs is cancelled first.
  virtual base::Status remove(const std::string& owner, const std::string& id) = 0;
  // Bytes of a completed job's file. kFailedPrecondition: not completed; kNotFound: no such job or
  // file; its message says "expired" if it was there.
  virtual base::Result<std::vector<uint8_t>> read(const std::string& owner, const std::string& id,
                                                  size_t file) = 0;
  // kNotFound.
  virtual base::Result<std::unique_ptr<JobWatch>> watch(
      const std::string& owner, const std::string& id, const WatchOptions& options,
      std::function<void(const JobEvent&)> callback) = 0;

  virtual ServiceHealth health() const = 0;
  // Takes nothing new in; returns when the running job is done or `patience` is over (it is then
  // let go and waits in the store). What is queued waits in the store.
  virtual void drain(std::chrono::seconds patience) = 0;
};

}  // namespace zoetrope::engine
