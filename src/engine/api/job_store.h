// Where jobs are kept. Three implementations ship: in memory, SQLite (one server), PostgreSQL
// (several servers that share jobs); all pass the same tests (store/conformance_test.h).
//
// Every call is one transaction, durable when it returns, and may come from any thread. Failures of
// the store itself are kUnavailable (try again) or kDataLoss. Time comes from the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/job.h"

namespace zoetrope::engine {

struct JobQuery {
  std::string owner;
  std::string after;  // an id: what follows it in this order; empty = from the beginning
  int limit = 20;
  bool newest_first = true;
};

struct JobPage {
  std::vector<Job> jobs;
  bool has_more = false;
};

class JobStore {
 public:
  virtual ~JobStore() = default;

  // Keeps a new job. If its owner already has one under its idempotency key (or its id), that one
  // is returned and nothing is kept (compare ids to tell). kResourceExhausted if `capacity` jobs or
  // more are queued, or in progress on `job.server`: counted in the same transaction. The kept job
  // has no server yet. kInvalidArgument: a text that is not UTF-8 or has a NUL.
  virtual base::Result<Job> create(const Job& job, int64_t capacity) = 0;

  // kNotFound. Jobs of other owners are not found.
  virtual base::Result<Job> find(const std::string& owner, const std::string& id) = 0;
  // Empty if there is none.
  virtual base::Result<std::optional<Job>> find_by_key(const std::string& owner,
                                                       const std::string& idempotency_key) = 0;
  // kNotFound if `after` is not there.
  virtual base::Result<JobPage> list(const JobQuery& query) = 0;

  // Takes the oldest job that waits (queued, or in progress with its lease run out) for `server`:
  // in progress, one attempt more, leased until `lease_until_ms`. Empty if none waits.
  virtual base::Result<std::optional<Job>> claim(const std::string& server, int64_t now_ms,
                                                 int64_t lease_until_ms) = 0;
  // Prolongs the lease, and returns the job as it stands (cancel_requested). kAborted if attempt
  // `attempt` of `server` no longer runs it.
  virtual base::Result<Job> renew(const std::string& id, const std::string& server, int attempt,
                                  int64_t lease_until_ms) = 0;
  // Ends attempt `job.attempt` of `job.server`: state (final), finished_ms, expires_ms, report and
  // error are taken from `job`. kAborted, and nothing changes, if that attempt no longer runs it;
  // but the same end once more is ok, so that who got kUnavailable can try again.
  virtual base::Status finish(const Job& job) = 0;
  // Lets go of a job that this attempt has not finished: back to queued.
  virtual base::Status release(const std::string& id, const std::string& server, int attempt) = 0;
  // A server starts: what it ran under the same name before is queued again. Returns these jobs.
  virtual base::Result<std::vector<Job>> recover(const std::string& server) = 0;

  // A queued job turns cancelled at once (with no expires_ms of its own it expires at once, too);
  // of one in progress cancel_requested is set and its server does the rest. Returns the job as it
  // is now; a final one stays as it is. kNotFound.
  virtual base::Result<Job> cancel(const std::string& owner, const std::string& id,
                                   int64_t now_ms) = 0;
  // Completed, failed and cancelled jobs whose expires_ms has passed turn expired; expired ones
  // are forgotten `keep_ms` after their expires_ms. Returns the ids of the newly expired, whose
  // files may go.
  virtual base::Result<std::vector<std::string>> expire(int64_t now_ms, int64_t keep_ms) = 0;
  // Forgets a final job. kNotFound; kFailedPrecondition: it is not final.
  virtual base::Status remove(const std::string& owner, const std::string& id) = 0;
  // Jobs queued or in progress.
  virtual base::Result<int64_t> count_open() = 0;
};

}  // namespace zoetrope::engine
