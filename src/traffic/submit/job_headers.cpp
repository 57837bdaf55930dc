#include "traffic/submit/job_headers.h"

#include <charconv>
#include <cstdint>
#include <limits>

#include "base/in_quotes.h"

namespace zoetrope::traffic::submit {
namespace {

using std::chrono::milliseconds;

base::Result<int64_t> read_number(std::string_view header, std::string_view text, int64_t most) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    return base::invalid_argument(std::string(header) + ": expected a whole number of at most " +
                                  std::to_string(most) + ", got " + base::in_quotes(text));
  }
  return value;
}

}  // namespace

std::string attempt_header(const Job& job) { return std::to_string(job.tries); }

std::optional<std::string> deadline_header(const Job& job) {
  if (job.deadline == Job::kNoDeadline) return std::nullopt;
  return std::to_string(std::chrono::duration_cast<milliseconds>(job.deadline).count());
}

base::Result<Job> read_job(std::optional<std::string_view> attempt,
                           std::optional<std::string_view> deadline) {
  constexpr int64_t kMostTries = 1'000'000;
  constexpr int64_t kLastMs = std::numeric_limits<int64_t>::max() / 1'000'000;  // fits in ns
  Job job;
  if (attempt) {
    ZT_ASSIGN_OR_RETURN(const int64_t tries, read_number(kAttemptHeader, *attempt, kMostTries));
    job.tries = static_cast<int>(tries);
  }
  if (deadline) {
    ZT_ASSIGN_OR_RETURN(const int64_t ms, read_number(kDeadlineHeader, *deadline, kLastMs));
    job.deadline = milliseconds(ms);
  }
  return job;
}

}  // namespace zoetrope::traffic::submit
