// What a job carries from one submission to the next, and how it travels over HTTP.
//
//   x-zoetrope-attempt:  4              tries made for this job before this request, by all tiers
//   x-zoetrope-deadline: 1795442400000  when the result is of no more use, Unix time in ms
//   idempotency-key:     9f2c...        the job; a worker that has it does not start it twice
//
// A gateway's own back-off begins anew with every request, so a client that resubmits at once
// undoes it: the number of tries made and the deadline belong to the job and outlive the request. A
// worker that sees a passed deadline answers 408 without taking a slot: gateways try again after a
// 504, and in the end eject the worker.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::traffic::submit {

inline constexpr std::string_view kAttemptHeader = "x-zoetrope-attempt";
inline constexpr std::string_view kDeadlineHeader = "x-zoetrope-deadline";
inline constexpr std::string_view kIdempotencyHeader = "idempotency-key";

struct Job {
  int tries = 0;                                    // made so far
  std::chrono::nanoseconds deadline = kNoDeadline;  // on the caller's clock; in headers Unix's

  static constexpr std::chrono::nanoseconds kNoDeadline = std::chrono::nanoseconds::max();
};

std::string attempt_header(const Job& job);
// None without a deadline.
std::optional<std::string> deadline_header(const Job& job);

// From the headers of a request; nullopt for one that is absent. The status names the header.
base::Result<Job> read_job(std::optional<std::string_view> attempt,
                           std::optional<std::string_view> deadline);

}  // namespace zoetrope::traffic::submit
