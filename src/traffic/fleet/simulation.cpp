#include "traffic/fleet/simulation.h"

#include <algorithm>
#include <cmath>

namespace zoetrope::traffic::fleet {
namespace {

using submit::TryEnd;

// How long a gateway waits for a region it cannot reach before the try counts as failed.
constexpr int64_t kConnectTimeout = 1'000'000'000;

}  // namespace

int64_t Simulation::gateway_wait(const submit::Backoff& backoff, int tries) {
  if (backoff.base.count() == 0) return 0;
  return submit::wait(backoff, tries, random_.uniform()).count();
}

void Simulation::arrive(int region) {
  Event job{};
  job.at = job.born = now_;
  job.home = static_cast<uint16_t>(region);
  job.kind = EventKind::kSubmit;
  recorder_.born(now_, region);
  ++jobs_;
  const submit::Smear& smear = options_.client.smear;
  if (smear.share > 0) {
    job.at += submit::put_off(smear, seed_, jobs_).count();
    if (job.at > now_) return queue_.push(job);
  }
  submit(job);
}

// A submission reaches the ingress of its region.
void Simulation::submit(Event job) {
  router_.submitted(job.home);
  job.submitted_ms = static_cast<uint32_t>(now_ / 1'000'000);
  job.tries = 0;
  if (router_.sheds(job.home, random_)) return abandoned(job, TryEnd::kUnavailable, now_);
  attempt(job);
}

// One more try of the gateway; where its tries a second are limited, when its turn comes.
void Simulation::attempt(Event job) {
  ++job.tries;
  job.import_tries = 0;
  if (options_.gateway.attempts_per_s == 0) return ask(job);
  Region& ingress = regions_[job.home];
  const auto cost = static_cast<int64_t>(1e9 / options_.gateway.attempts_per_s);
  ingress.free_at = std::max(ingress.free_at, now_) + cost;
  const auto patience = static_cast<int64_t>(options_.client.patience_s * 1e9);
  const int64_t leaves = int64_t{job.submitted_ms} * 1'000'000 + patience;
  // The try has taken its place in the line and keeps it, whether anybody still waits for it.
  if (patience > 0 && ingress.free_at > leaves) {
    ++job.unanswered;
    return abandoned(job, TryEnd::kUnavailable, std::max(now_, leaves));
  }
  job.kind = EventKind::kAsk;
  job.at = ingress.free_at;
  queue_.push(job);
}

void Simulation::ask(Event job) {
  ++job.attempts;
  recorder_.attempt(job, now_);
  const int there = router_.pick(job.home, job.tries, random_);
  if (there == job.home) {
    if (finds_worker(regions_[job.home], Asker::kGateway)) return admit(job, there);
    return refused(job, router_.rtt_ns(there, there));
  }
  if (!router_.reaches(job.home, there)) return refused(job, kConnectTimeout);
  job.there = static_cast<uint16_t>(there);
  job.kind = EventKind::kImport;
  job.at = now_ + router_.rtt_ns(job.home, there) / 2;
  queue_.push(job);
}

// An import listener asks its own workers, and a few more times before it gives the job back.
void Simulation::ask_import(Event job) {
  if (finds_worker(regions_[job.there], Asker::kImport)) return admit(job, job.there);
  if (job.import_tries >= options_.gateway.import_retries) {
    return refused(job, router_.rtt_ns(job.home, job.there) / 2);
  }
  ++job.import_tries;
  ++job.attempts;
  recorder_.attempt(job, now_);
  job.at = now_ + router_.rtt_ns(job.there, job.there) +
           gateway_wait(options_.gateway.import_backoff, job.import_tries);
  queue_.push(job);
}

// The gateway heard a no, `delay` from now.
void Simulation::refused(Event job, int64_t delay) {
  if (job.tries > options_.gateway.retries) {
    return abandoned(job, TryEnd::kBusy, now_ + delay);
  }
  job.kind = EventKind::kTry;
  job.at = now_ + delay + gateway_wait(options_.gateway.backoff, job.tries);
  queue_.push(job);
}

// A submission has failed; its user comes again or not.
void Simulation::abandoned(const Event& job, TryEnd end, int64_t at) {
  if (!options_.client.resubmit) return;
  const auto deadline = static_cast<int64_t>(options_.client.deadline_s * 1e9);
  const submit::Decision decision =
      submit::after_try(options_.client.submit,
                        // A client that left without an answer knows of one try: its own.
                        {.tries = job.attempts + job.unanswered,
                         .deadline = std::chrono::nanoseconds(job.born + deadline)},
                        end, std::chrono::nanoseconds(at), random_.uniform());
  if (decision.verdict != submit::Verdict::kRetry) return;
  Event again = job;
  again.kind = EventKind::kSubmit;
  // The answer and the next submission cross the user's own line.
  again.at = decision.at.count() + router_.rtt_ns(job.home, job.home);
  queue_.push(again);
}

// Whether one try finds a free GPU. To a gateway a dead worker looks idle until it is ejected.
bool Simulation::finds_worker(const Region& region, Asker asker) {
  if (region.busy >= region.asked) return false;
  if (options_.gateway.search == Search::kOwnScan) {
    // It takes one that has none of its own jobs, if there is one; that may have one it cannot see.
    const int64_t hidden =
        asker == Asker::kGateway ? region.imported : region.busy - region.imported;
    const int64_t seems_idle = region.asked - (region.busy - hidden);
    if (random_.uniform() * static_cast<double>(seems_idle) < static_cast<double>(hidden)) {
      return false;
    }
  }
  if (options_.gateway.search == Search::kChoices && region.busy > 0) {
    const double busy = static_cast<double>(region.busy) / static_cast<double>(region.asked);
    double nobody = busy;
    for (int k = 1; k < options_.gateway.choices; ++k) nobody *= busy;
    if (random_.uniform() < nobody) return false;
  }
  if (region.asked == region.ready) return true;
  const double idle = static_cast<double>(region.asked - region.busy);
  return random_.uniform() * idle < static_cast<double>(region.ready - region.busy);
}

void Simulation::admit(Event job, int region) {
  const int64_t rtt = router_.rtt_ns(job.home, region);
  const auto way = static_cast<int64_t>(options_.world.job_round_trips * static_cast<double>(rtt));
  recorder_.admitted(job, now_, region, router_.ring(job.home, region), now_ - job.born + way);
  router_.admitted(job.home, region);
  ++regions_[static_cast<size_t>(region)].busy;
  if (region != job.home) ++regions_[static_cast<size_t>(region)].imported;
  job.there = static_cast<uint16_t>(region);
  job.kind = EventKind::kDone;
  job.at = now_ + service_.draw_ns(random_);
  queue_.push(job);
}

void Simulation::done(const Event& job) {
  --regions_[job.there].busy;
  if (job.there != job.home) --regions_[job.there].imported;
  recorder_.finished(job.there, now_);
  const auto way = static_cast<int64_t>(options_.world.job_round_trips *
                                        static_cast<double>(router_.rtt_ns(job.home, job.there)));
  const int64_t total = now_ - job.born + way;
  if (total <= static_cast<int64_t>(options_.client.deadline_s * 1e9)) {
    recorder_.succeeded(job, total);
  }
}

void Simulation::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kSubmit:
      return submit(event);
    case EventKind::kTry:
      return attempt(event);
    case EventKind::kAsk:
      return ask(event);
    case EventKind::kImport:
      return ask_import(event);
    case EventKind::kDone:
      return done(event);
  }
}

base::Status Simulation::run(const RunContext& context) {
  constexpr double kLongRun = 3 * 3600;
  const double tick_s = options_.duration_s > kLongRun ? 1 : std::min(0.1, options_.sample_s);
  const auto tick_ns = static_cast<int64_t>(tick_s * 1e9);
  const auto arrivals_end = static_cast<int64_t>(options_.duration_s * 1e9);
  const int64_t end = arrivals_end + static_cast<int64_t>(options_.client.deadline_s * 1e9);
  int64_t ticks = 0;
  for (; now_ < arrivals_end || (queue_.size() > 0 && now_ < end); ++ticks) {
    ZT_RETURN_IF_ERROR(tick(ticks * tick_ns, now_ < arrivals_end));
    const int64_t until = (ticks + 1) * tick_ns;
    const double mean_gap = rates_.total() > 0 ? 1e9 / rates_.total() : 0;
    const auto gap = [&] {
      return mean_gap > 0 ? static_cast<int64_t>(random_.exponential(mean_gap)) : kNever / 2;
    };
    int64_t arrival = now_ + gap();
    for (;;) {
      const int64_t next = queue_.next_at();
      if (std::min(arrival, next) >= until) break;
      ++events_;
      if (arrival <= next) {
        now_ = arrival;
        arrive(rates_.draw_region(random_));
        arrival = now_ + gap();
      } else {
        now_ = next;
        handle(queue_.pop());
      }
    }
    now_ = until;
    if (ticks % 64 == 0) {
      if (context.cancel.cancelled()) return {base::StatusCode::kCancelled, "cancelled"};
      if (context.progress) {
        context.progress(std::min(1.0, static_cast<double>(now_) / static_cast<double>(end)));
      }
    }
  }
  return {};
}

}  // namespace zoetrope::traffic::fleet
