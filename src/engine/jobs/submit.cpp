// How a job gets in: checked, given a place, its picture on the disk, in the store, in this order.
#include <fmt/format.h>

#include "base/log.h"
#include "engine/jobs/new_job.h"
#include "engine/jobs/service.h"

namespace zoetrope::engine::jobs {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;

// The job that the key was used for before, if the request is the same.
Result<Job> replay(Job known, const std::string& fingerprint) {
  if (known.fingerprint == fingerprint) return known;
  return base::already_exists("idempotency_key: was used for another request");
}

const char* reason_of(const Status& status) {
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
      return "invalid";
    case StatusCode::kAlreadyExists:
      return "conflict";
    case StatusCode::kResourceExhausted:
      return status.message().starts_with("memory")  ? "memory"
             : status.message().starts_with("owner") ? "owner_limit"
                                                     : "busy";
    default:
      return "unavailable";
  }
}

Status is_draining() { return base::unavailable("the server is stopping"); }

Status is_busy(int places) {
  return base::resource_exhausted(places == 1 ? "busy: another job runs"
                                              : fmt::format("busy: {} jobs run or wait", places));
}

}  // namespace

Result<Job> Service::submit(NewJob job) {
  Result<Job> accepted = [&]() -> Result<Job> {
    try {
      return accept(std::move(job));
    } catch (const base::Error& error) {
      return error.status();
    } catch (const std::bad_alloc&) {
      return base::resource_exhausted("memory: there is none left");
    }
  }();
  if (!accepted.ok()) context_->metrics.refused(reason_of(accepted.status()));
  return accepted;
}

Result<Job> Service::accept(NewJob asked) {
  if (context_->admission.closed()) return is_draining();
  ZT_RETURN_IF_ERROR(check(asked, context_->engine));
  Job job = make_job(asked, context_->options, now_ms());
  // Before a place is looked for: a client that repeats itself is answered by a busy server too.
  if (!job.idempotency_key.empty()) {
    ZT_ASSIGN_OR_RETURN(std::optional<Job> known, find_by_key(job.owner, job.idempotency_key));
    if (known) return replay(std::move(*known), job.fingerprint);
  }
  ZT_RETURN_IF_ERROR(enter(asked, job));
  const std::string id = job.id;
  Result<Job> kept = keep(asked, std::move(job));
  if (!kept.ok() || kept->id != id) {
    context_->admission.leave(id);
    return kept;
  }
  const int running = executor_.running() ? 1 : 0;
  context_->metrics.occupancy(running, context_->admission.size() - running);
  base::log(base::LogLevel::kInfo, "job accepted",
            {{"job", id}, {"owner", kept->owner}, {"task", to_string(kept->what.request.task)}});
  executor_.wake();
  return kept;
}

Status Service::enter(const NewJob& asked, const Job& job) {
  switch (context_->admission.enter(job.id, job.owner, asked.owner_limit)) {
    case Admission::Refusal::kNone:
      return {};
    case Admission::Refusal::kBusy:
      return is_busy(context_->admission.places());
    case Admission::Refusal::kOwnerLimit:
      return base::resource_exhausted(
          fmt::format("owner: {} jobs at one time are allowed", asked.owner_limit));
    case Admission::Refusal::kClosed:
      return is_draining();
  }
  return base::internal_error("unknown refusal");
}

// From here on the job is durable or it never was: first its picture, then its row.
Result<Job> Service::keep(const NewJob& asked, Job job) {
  const std::string id = job.id;
  const Status written = context_->folders.create(id, job.owner, asked.what.request.picture);
  if (!written.ok()) {
    context_->folders.remove(id);
    base::log(base::LogLevel::kError, "picture not written",
              {{"job", id}, {"reason", written.message()}});
    return base::unavailable("the server cannot keep the picture");
  }
  const auto create = [&](JobStore& store) {
    return store.create(job, context_->admission.places());
  };
  auto kept = context_->store("create", create);
  if (kept.status().code() == StatusCode::kResourceExhausted) {
    // The place here was free: a job that is being ended may still count in the store.
    executor_.wait_for_end();
    kept = context_->store("create", create);
  }
  if (!kept.ok()) {
    // Whether an unavailable store has kept it nobody knows: then the picture must stay, and the
    // warden clears it away if there is no job.
    if (kept.status().code() != StatusCode::kUnavailable) context_->folders.remove(id);
    return kept.status().code() == StatusCode::kResourceExhausted
               ? is_busy(context_->admission.places())
               : kept.status();
  }
  if (kept->id == id) return kept;
  context_->folders.remove(id);  // the same key came twice at the same time
  return replay(std::move(*kept), job.fingerprint);
}

}  // namespace zoetrope::engine::jobs
