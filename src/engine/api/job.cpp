#include "engine/api/job.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace zoetrope::engine {
namespace {

using base::Result;
using nlohmann::json;

template <typename T, size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<JobState, 6> kStates = {{{JobState::kQueued, "queued"},
                                         {JobState::kInProgress, "in_progress"},
                                         {JobState::kCompleted, "completed"},
                                         {JobState::kFailed, "failed"},
                                         {JobState::kCancelled, "cancelled"},
                                         {JobState::kExpired, "expired"}}};

constexpr Names<Task, 4> kTasks = {{{Task::kImageToVideo, "image_to_video"},
                                    {Task::kTextToVideo, "text_to_video"},
                                    {Task::kTextToImage, "text_to_image"},
                                    {Task::kImageToImage, "image_to_image"}}};

constexpr Names<Quality, 2> kQualities = {{{Quality::kFast, "fast"}, {Quality::kBest, "best"}}};

constexpr Names<Tier, 3> kTiers = {
    {{Tier::kLossless, "lossless"}, {Tier::kBalanced, "balanced"}, {Tier::kTurbo, "turbo"}}};

struct FormatNames {
  OutputFormat format;
  std::string_view name, extension, media_type;
};
constexpr std::array<FormatNames, 6> kFormats = {{
    {OutputFormat::kMp4, "mp4", "mp4", "video/mp4"},
    {OutputFormat::kGif, "gif", "gif", "image/gif"},
    {OutputFormat::kAnimatedWebp, "animated_webp", "webp", "image/webp"},
    {OutputFormat::kPng, "png", "png", "image/png"},
    {OutputFormat::kJpeg, "jpeg", "jpg", "image/jpeg"},
    {OutputFormat::kWebp, "webp", "webp", "image/webp"},
}};

const FormatNames& names_of(OutputFormat format) {
  for (const FormatNames& names : kFormats) {
    if (names.format == format) return names;
  }
  throw base::Error(base::StatusCode::kInternal, "an output format without a name");
}

template <typename T, size_t N>
std::string_view name_of(const Names<T, N>& names, T value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  throw base::Error(base::StatusCode::kInternal, "a value without a name");
}

template <typename T, size_t N>
T value_of(const Names<T, N>& names, std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  throw base::Error(base::StatusCode::kDataLoss, fmt::format("unknown word \"{}\"", name));
}

OutputFormat format_of(std::string_view name) {
  for (const FormatNames& names : kFormats) {
    if (names.name == name) return names.format;
  }
  throw base::Error(base::StatusCode::kDataLoss, fmt::format("unknown format \"{}\"", name));
}

// The fields that may be absent, for writing and for reading alike.
template <typename AnyRequest, typename Visit>
void visit_optional_fields(AnyRequest& request, Visit&& visit) {
  visit("negative_prompt", request.negative_prompt);
  visit("num_frames", request.num_frames);
  visit("fps", request.fps);
  visit("steps", request.steps);
  visit("image_guidance", request.image_guidance);
  visit("text_guidance", request.text_guidance);
  visit("true_cfg_scale", request.true_cfg_scale);
  visit("strength", request.strength);
  visit("motion", request.motion);
  visit("width", request.width);
  visit("height", request.height);
  visit("size", request.size);
  visit("frame", request.frame);
}

// What `parse` makes of the text, or kDataLoss with what is wrong.
template <typename T, typename Parse>
Result<T> parsed(const std::string& text, const char* what, Parse parse) {
  try {
    return parse(json::parse(text));
  } catch (const std::exception& error) {
    return base::data_loss(fmt::format("{} in the job store: {}", what, error.what()));
  }
}

}  // namespace

std::string_view to_string(JobState state) { return name_of(kStates, state); }

Result<JobState> parse_job_state(std::string_view name) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return base::invalid_argument(
      "state: must be queued, in_progress, completed, failed, cancelled or expired");
}

std::string_view to_string(Task task) { return name_of(kTasks, task); }
std::string_view to_string(Quality quality) { return name_of(kQualities, quality); }
std::string_view to_string(Tier tier) { return name_of(kTiers, tier); }

std::string_view media_type(OutputFormat format) { return names_of(format).media_type; }
std::string_view file_extension(OutputFormat format) { return names_of(format).extension; }

std::string request_json(const JobRequest& job) {
  const Request& request = job.request;
  json object = {{"task", name_of(kTasks, request.task)},
                 {"prompt", request.prompt},
                 {"seed", request.seed},
                 {"tier", name_of(kTiers, request.tier)},
                 {"format", names_of(job.format).name},
                 {"compression", job.compression},
                 {"count", job.count},
                 {"model", job.model}};
  if (request.quality) object["quality"] = name_of(kQualities, *request.quality);
  visit_optional_fields(request, [&](const char* key, const auto& value) {
    if (value) object[key] = *value;
  });
  // A prompt is bytes of a stranger: what is not UTF-8 is replaced rather than thrown about.
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<JobRequest> parse_request_json(const std::string& text) {
  return parsed<JobRequest>(text, "request", [](const json& object) {
    JobRequest job;
    Request& request = job.request;
    request.task = value_of(kTasks, object.at("task").get<std::string>());
    request.prompt = object.at("prompt");
    request.seed = object.at("seed");
    request.tier = value_of(kTiers, object.at("tier").get<std::string>());
    if (object.contains("quality")) {
      request.quality = value_of(kQualities, object.at("quality").get<std::string>());
    }
    visit_optional_fields(request, [&]<typename T>(const char* key, std::optional<T>& value) {
      if (object.contains(key)) value = object.at(key).template get<T>();
    });
    job.format = format_of(object.at("format").get<std::string>());
    job.compression = object.at("compression");
    job.count = object.at("count");
    job.model = object.at("model");
    return job;
  });
}

std::string report_json(const JobReport& report) {
  json files = json::array();
  for (const ResultFile& file : report.files) {
    files.push_back({{"name", file.name},
                     {"media_type", file.media_type},
                     {"bytes", file.bytes},
                     {"seed", file.seed}});
  }
  json timings = json::array();
  for (const StageTime& time : report.timings) timings.push_back({time.stage, time.seconds});
  return json({{"files", files},
               {"width", report.width},
               {"height", report.height},
               {"num_frames", report.num_frames},
               {"fps", report.fps},
               {"steps", report.steps},
               {"tier", name_of(kTiers, report.tier)},
               {"timings", timings},
               {"peak_memory_bytes", report.peak_memory_bytes},
               {"warnings", report.warnings}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<JobReport> parse_report_json(const std::string& text) {
  return parsed<JobReport>(text, "report", [](const json& object) {
    JobReport report;
    for (const json& file : object.at("files")) {
      report.files.push_back({.name = file.at("name"),
                              .media_type = file.at("media_type"),
                              .bytes = file.at("bytes"),
                              .seed = file.at("seed")});
    }
    report.width = object.at("width");
    report.height = object.at("height");
    report.num_frames = object.at("num_frames");
    report.fps = object.at("fps");
    report.steps = object.at("steps");
    report.tier = value_of(kTiers, object.at("tier").get<std::string>());
    for (const json& time : object.at("timings")) {
      report.timings.push_back({.stage = time.at(0), .seconds = time.at(1)});
    }
    report.peak_memory_bytes = object.at("peak_memory_bytes");
    report.warnings = object.at("warnings").get<std::vector<std::string>>();
    return report;
  });
}

}  // namespace zoetrope::engine
