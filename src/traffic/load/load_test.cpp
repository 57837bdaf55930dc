#include "traffic/load/load_test.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "base/in_quotes.h"
#include "base/philox.h"
#include "traffic/load/http_client.h"
#include "traffic/submit/job_headers.h"

namespace zoetrope::traffic::load {
namespace {

namespace asio = boost::asio;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kStopPoll = std::chrono::milliseconds(50);

Outcome outcome_of(submit::Verdict verdict) {
  switch (verdict) {
    case submit::Verdict::kDone:
      return Outcome::kDone;
    case submit::Verdict::kRefused:
      return Outcome::kRefused;
    case submit::Verdict::kTries:
      return Outcome::kTries;
    case submit::Verdict::kBudget:
      return Outcome::kBudget;
    default:
      return Outcome::kDeadline;
  }
}

class Run {
 public:
  Run(const Options& options, const base::CancelToken& stop,
      const std::function<void(const JobRecord&)>& seen)
      : options_(options),
        stop_(stop),
        seen_(seen),
        client_(io_, options.endpoint.host, options.endpoint.port, options.endpoint.path) {
    if (options.budget) budget_.emplace(*options.budget);
  }

  std::vector<JobRecord> go() {
    asio::co_spawn(io_, start_all(), asio::detached);
    asio::co_spawn(io_, watch_stop(), asio::detached);
    io_.run();
    return std::move(records_);
  }

 private:
  nanoseconds now() const { return steady_clock::now() - begin_; }

  asio::awaitable<void> sleep_until(nanoseconds at) {
    asio::steady_timer timer(io_, begin_ + at);
    co_await timer.async_wait(kAwait);
  }

  asio::awaitable<void> start_all() {
    const std::vector<nanoseconds> due = arrivals(options_.stages, options_.seed);
    for (size_t job = 0; job < due.size(); ++job) {
      if (due[job] > now()) co_await sleep_until(due[job]);
      JobRecord record;
      record.due = due[job];
      if (in_flight_ >= options_.most_in_flight) {
        finish(std::move(record));
        continue;
      }
      ++in_flight_;
      asio::co_spawn(io_, do_job(job, std::move(record)), asio::detached);
    }
    all_started_ = true;
    end_if_done();
  }

  asio::awaitable<void> watch_stop() {
    while (!stop_.cancelled()) {
      asio::steady_timer timer(io_, kStopPoll);
      co_await timer.async_wait(kAwait);
    }
    io_.stop();
  }

  asio::awaitable<void> do_job(uint64_t number, JobRecord record) {
    const auto unix_offset = std::chrono::system_clock::now().time_since_epoch() - now();
    submit::Job job{0, record.due + options_.deadline};
    const nanoseconds delay = submit::put_off(options_.smear, options_.seed, number);
    nanoseconds at = record.due + delay;
    if (budget_) budget_->request(now());
    while (true) {
      if (at > now()) co_await sleep_until(at);
      submit::Job on_the_wire{job.tries, job.deadline + unix_offset};
      Headers headers = {
          {std::string(submit::kAttemptHeader), submit::attempt_header(on_the_wire)},
          {std::string(submit::kDeadlineHeader), *submit::deadline_header(on_the_wire)},
          {std::string(submit::kIdempotencyHeader),
           fmt::format("{:x}-{:x}-{}", begin_.time_since_epoch().count(), options_.seed, number)}};
      const Answer answer = co_await client_.ask(std::move(headers), begin_ + job.deadline);
      job.tries += answer.attempts;
      ++record.submissions;
      record.attempts += answer.attempts;
      record.status = answer.status;
      auto end = submit::try_end(answer.status);
      // Headers came, then the body broke off: the worker died.
      if (end == submit::TryEnd::kDone && !answer.whole) end = submit::TryEnd::kUnavailable;
      const auto next = submit::after_try(
          options_.submit, job, end, now(),
          base::uniform_at(options_.seed, number, static_cast<uint64_t>(record.submissions)),
          budget_ ? &*budget_ : nullptr, retry_after(answer));
      if (next.verdict == submit::Verdict::kRetry) {
        at = next.at;
        continue;
      }
      record.outcome = outcome_of(next.verdict);
      if (record.outcome == Outcome::kDone) record.admitted = answer.admitted - begin_;
      record.region = answer.region;
      break;
    }
    --in_flight_;
    finish(std::move(record));
    end_if_done();
  }

  std::optional<nanoseconds> retry_after(const Answer& answer) const {
    if (!options_.heed_retry_after || !answer.retry_after) return std::nullopt;
    return nanoseconds(*answer.retry_after);
  }

  void finish(JobRecord record) {
    record.ended = now();
    if (seen_) seen_(record);
    records_.push_back(std::move(record));
  }

  void end_if_done() {
    if (all_started_ && in_flight_ == 0) io_.stop();
  }

  const Options& options_;
  const base::CancelToken& stop_;
  const std::function<void(const JobRecord&)>& seen_;
  asio::io_context io_{1};
  HttpClient client_;
  std::optional<submit::RetryBudget> budget_;
  const steady_clock::time_point begin_ = steady_clock::now();
  std::vector<JobRecord> records_;
  int in_flight_ = 0;
  bool all_started_ = false;
};

}  // namespace

base::Result<Endpoint> parse_url(const std::string& url) {
  const auto bad = [&](const char* why) {
    return base::invalid_argument(fmt::format("url: {}: {}", base::in_quotes(url), why));
  };
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return bad("must begin with http://");
  std::string rest = url.substr(kScheme.size());
  Endpoint endpoint;
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    if (slash + 1 < rest.size()) endpoint.path = rest.substr(slash);
    rest.resize(slash);
  }
  if (endpoint.path.find_first_of(" \r\n\t") != std::string::npos) return bad("has a space");
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos) {
    unsigned port = 0;
    const char* end = rest.data() + rest.size();
    const auto [last, error] = std::from_chars(rest.data() + colon + 1, end, port);
    if (error != std::errc() || last != end || port < 1 || port > 65535) {
      return bad("the port must be 1 to 65535");
    }
    endpoint.port = static_cast<uint16_t>(port);
    rest.resize(colon);
  }
  if (rest.empty()) return bad("names no host");
  endpoint.host = rest;
  return endpoint;
}

std::vector<JobRecord> run(const Options& options, const base::CancelToken& stop,
                           const std::function<void(const JobRecord&)>& seen) {
  return Run(options, stop, seen).go();
}

}  // namespace zoetrope::traffic::load
