// A job: one request, its life, and what came of it. Plain data that survives the process: a
// JobStore keeps it, the JobService moves it from state to state, http shows it.
//
//   queued -> in_progress -> completed -> expired
//      |          |------> failed
//      |----------|------> cancelled
//
// in_progress goes back to queued when the server that ran it died. A job is billed when it turns
// completed, which happens in one transaction and at most once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/api/engine.h"
#include "engine/api/request.h"

namespace zoetrope::engine {

enum class JobState { kQueued, kInProgress, kCompleted, kFailed, kCancelled, kExpired };

// "queued", "in_progress", "completed", "failed", "cancelled", "expired": OpenAI's names.
std::string_view to_string(JobState state);
// kInvalidArgument with the list.
base::Result<JobState> parse_job_state(std::string_view name);

// "image_to_video", ...; "fast", "best"; "lossless", "balanced", "turbo".
std::string_view to_string(Task task);
std::string_view to_string(Quality quality);
std::string_view to_string(Tier tier);

// Nothing happens to it any more, but that its files expire.
constexpr bool is_final(JobState state) {
  return state != JobState::kQueued && state != JobState::kInProgress;
}

enum class OutputFormat { kMp4, kGif, kAnimatedWebp, kPng, kJpeg, kWebp };

// "video/mp4", "image/png", ...
std::string_view media_type(OutputFormat format);
// "mp4", "gif", "webp", "png", "jpg", "webp"
std::string_view file_extension(OutputFormat format);

// What to make: the request as it was accepted, and the form of its result.
struct JobRequest {
  Request request;  // checked by resolve(); its picture is kept as a file beside the job
  OutputFormat format = OutputFormat::kMp4;
  int compression = 90;  // quality of JPEG and WebP, 1..100
  int count = 1;         // results, with seeds that follow each other
  std::string model;     // the name under which the client knows it
};

// A file in the job's folder.
struct ResultFile {
  std::string name;  // "0.mp4"
  std::string media_type;
  int64_t bytes = 0;
  uint64_t seed = 0;
};

// What a completed job says of itself.
struct JobReport {
  std::vector<ResultFile> files;
  int width = 0;
  int height = 0;
  int num_frames = 0;
  int fps = 0;
  int steps = 0;
  Tier tier = Tier::kLossless;
  // Summed over the results; "total": from the start to the last file, "queued": before the start.
  std::vector<StageTime> timings;
  int64_t peak_memory_bytes = 0;
  std::vector<std::string> warnings;
};

struct JobError {
  base::StatusCode code = base::StatusCode::kInternal;
  std::string message;  // one line, fit for the client
};

// Times are milliseconds since 1970, 0 = not yet or never.
struct Job {
  std::string id;     // "video_..." or "image_...": unguessable, and in the order of creation
  std::string owner;  // the API key's name; empty where none are used
  std::string idempotency_key;  // the client's, unique within an owner; empty = none
  std::string fingerprint;      // of the request; the same key with another one is refused
  JobRequest what;
  JobState state = JobState::kQueued;
  bool attended = false;  // a client waits on its connection: of no use once that is gone
  bool cancel_requested = false;
  int64_t created_ms = 0;
  int64_t started_ms = 0;  // of the last attempt
  int64_t finished_ms = 0;
  int64_t deadline_ms = 0;          // when it fails unless finished
  int64_t expires_ms = 0;           // when its files go
  int attempt = 0;                  // how often it was started
  std::string server;               // who runs it
  int64_t lease_until_ms = 0;       // after this another server may take it over
  std::optional<JobReport> report;  // of a completed one
  std::optional<JobError> error;    // of a failed one
};

// The parts of a job that are structures, as JSON text and back, for stores. The picture is not
// among them. kDataLoss: not what `..._json` wrote.
std::string request_json(const JobRequest& request);
base::Result<JobRequest> parse_request_json(const std::string& text);
std::string report_json(const JobReport& report);
base::Result<JobReport> parse_report_json(const std::string& text);

}  // namespace zoetrope::engine
