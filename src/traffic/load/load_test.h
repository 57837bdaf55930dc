// An open-loop load test against a real HTTP endpoint: jobs are due when the schedule says so,
// whatever became of those before, and latency counts from then. A client that waits for answers
// would ask less of a server the slower it is, and hide just what is looked for (coordinated
// omission).
//
// run() blocks; one thread of its own. Records are in the order in which jobs ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "traffic/load/schedule.h"
#include "traffic/submit/retry_budget.h"
#include "traffic/submit/smear.h"
#include "traffic/submit/submitter.h"

namespace zoetrope::traffic::load {

struct Endpoint {
  std::string host = "127.0.0.1";
  uint16_t port = 80;
  std::string path = "/v1/images/generations";
};

// "http://host:port/path". kInvalidArgument: "url: ...".
base::Result<Endpoint> parse_url(const std::string& url);

struct Options {
  Endpoint endpoint;
  std::vector<Stage> stages;
  uint64_t seed = 1;
  submit::SubmitOptions submit;
  std::optional<submit::RetryBudgetOptions> budget;  // none: only the deadline ends resubmission
  submit::Smear smear;
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);  // of a job, from when it is due
  bool heed_retry_after = true;
  int most_in_flight = 10'000;  // jobs due beyond it are lost: the tester's own limit
};

enum class Outcome { kDone, kRefused, kDeadline, kTries, kBudget, kLost };

struct JobRecord {
  std::chrono::nanoseconds due{};       // since the start
  std::chrono::nanoseconds admitted{};  // kDone: when its headers came
  std::chrono::nanoseconds ended{};
  Outcome outcome = Outcome::kLost;
  int submissions = 0;
  int attempts = 0;    // of all tiers
  int status = 0;      // the last answer's
  std::string region;  // that served it, if the endpoint says
};

// `stop` ends it early: jobs under way are dropped and have no record. `seen`, if given, is called
// on the load test's thread for each record.
std::vector<JobRecord> run(const Options& options, const base::CancelToken& stop,
                           const std::function<void(const JobRecord&)>& seen = {});

}  // namespace zoetrope::traffic::load
