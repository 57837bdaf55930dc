#include "http/job_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/api_error.h"

namespace zoetrope::http {
namespace {

using engine::Job;
using engine::JobReport;
using engine::JobState;
using nlohmann::json;

json seconds_or_null(int64_t milliseconds) {
  return milliseconds > 0 ? json(milliseconds / 1000) : json(nullptr);
}

template <typename T>
void put(json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = *value;
}

// What was asked, for as long as there is no report of what was done.
void put_request(json& object, const Job& job) {
  const engine::Request& request = job.what.request;
  object["seed"] = request.seed;
  object["tier"] = engine::to_string(request.tier);
  put(object, "num_inference_steps", request.steps);
  put(object, "num_frames", request.num_frames);
  put(object, "fps", request.fps);
}

// Seconds of work: all stages.
double inference_seconds(const JobReport& report) {
  const auto total = std::find_if(report.timings.begin(), report.timings.end(),
                                  [](const engine::StageTime& t) { return t.stage == "total"; });
  return total == report.timings.end() ? 0 : total->seconds;
}

void put_report(json& object, const Job& job) {
  const JobReport& report = *job.report;
  object["seed"] = report.files.empty() ? job.what.request.seed : report.files[0].seed;
  object["tier"] = engine::to_string(report.tier);
  object["num_inference_steps"] = report.steps;
  object["num_frames"] = report.num_frames;
  object["fps"] = report.fps;
  object["size"] = fmt::format("{}x{}", report.width, report.height);
  json stages = json::object();
  for (const engine::StageTime& time : report.timings) stages[time.stage] = time.seconds;
  object["stage_durations"] = std::move(stages);
  object["inference_time_s"] = inference_seconds(report);
  object["peak_memory_mb"] =
      static_cast<double>(report.peak_memory_bytes) / static_cast<double>(1 << 20);
  if (!report.warnings.empty()) object["warnings"] = report.warnings;
}

json error_json(const engine::JobError& error) {
  const ApiError shown = api_error(base::Status(error.code, error.message));
  return {{"code", shown.code}, {"message", shown.message}};
}

std::string quality_of(const Job& job) {
  const auto quality = job.what.request.quality;
  return quality ? std::string(engine::to_string(*quality)) : "standard";
}

json limits_json(const RequestRules& rules) {
  const engine::ModelDefaults& defaults = rules.defaults;
  const auto range = [](auto least, auto most) { return json{{"min", least}, {"max", most}}; };
  json limits = {{"num_inference_steps", range(1, defaults.max_steps)},
                 {"guidance_scale", range(0, kMaxGuidance)},
                 {"size", range(16, rules.max_side)},
                 {"n", range(1, kMaxImages)},
                 {"output_format", json::array({"png", "jpeg", "webp"})},
                 {"tier", json::array({"lossless"})},
                 {"quality", json::array()}};
  if (defaults.makes_video) {
    limits["num_frames"] = range(1, defaults.max_frames);
    limits["fps"] = range(1, 120);
    limits["output_format"] = {"mp4", "gif", "webp"};
  }
  // Width and height are free, in multiples of this.
  if (defaults.size_multiple > 0) {
    limits["size"] = range(defaults.size_multiple, rules.max_side);
    limits["size"]["multiple"] = defaults.size_multiple;
  }
  if (defaults.three_way_guidance) limits["image_guidance_scale"] = range(0, kMaxGuidance);
  if (defaults.guidance_embeds) limits["true_cfg_scale"] = range(1, kMaxGuidance);
  if (engine::has_strength(defaults)) limits["strength"] = range(0, 1);
  if (defaults.has_motion) limits["motion"] = range(0, 1);
  if (defaults.block_cache_steps > 0) limits["tier"].push_back("balanced");
  if (defaults.student) {
    const engine::StudentLimits& student = *defaults.student;
    limits["quality"].push_back("fast");
    limits["fast"] = {
        {"num_inference_steps", range(student.steps, student.steps)},
        {"guidance_scale", range(student.least_text_guidance, student.most_text_guidance)},
        {"image_guidance_scale", range(student.least_image_guidance, student.most_image_guidance)}};
  }
  limits["quality"].push_back("best");
  return limits;
}

json defaults_json(const engine::ModelDefaults& defaults) {
  json values = {
      {"size", fmt::format("{}x{}", defaults.width, defaults.height)},
      {"num_inference_steps", defaults.student ? defaults.student->steps : defaults.steps},
      {"guidance_scale", defaults.text_guidance},
      {"quality", defaults.student ? "fast" : "best"},
      {"tier", "lossless"},
      {"n", 1},
      {"output_format", defaults.makes_video ? "mp4" : "png"}};
  if (defaults.makes_video) {
    values["num_frames"] = defaults.num_frames;
    values["fps"] = defaults.fps;
  }
  if (defaults.three_way_guidance) values["image_guidance_scale"] = defaults.image_guidance;
  if (defaults.guidance_embeds) values["true_cfg_scale"] = 1;
  if (engine::has_strength(defaults)) values["strength"] = engine::kDefaultStrength;
  if (defaults.has_motion) values["motion"] = defaults.motion;
  return values;
}

}  // namespace

std::string dump(const json& value) {
  // Prompts are bytes of strangers: what is not UTF-8 is replaced.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json video_json(const Job& job, int progress) {
  json object = {
      {"id", job.id},
      {"object", "video"},
      {"model", job.what.model},
      {"status", engine::to_string(job.state)},
      {"progress", job.state == JobState::kCompleted ? 100 : progress},
      {"prompt", job.what.request.prompt},
      {"created_at", job.created_ms / 1000},
      {"started_at", seconds_or_null(job.started_ms)},
      {"completed_at", nullptr},
      {"expires_at", seconds_or_null(job.expires_ms)},
      {"remixed_from_video_id", nullptr},
      {"quality", quality_of(job)},
      {"media_type", engine::media_type(job.what.format)},
      {"file_name", fmt::format("{}.{}", job.id, engine::file_extension(job.what.format))},
      {"error", nullptr}};
  if (engine::is_final(job.state)) object["completed_at"] = seconds_or_null(job.finished_ms);
  if (job.error) object["error"] = error_json(*job.error);
  put_request(object, job);
  if (job.report) put_report(object, job);
  if (object.contains("num_frames") && object.contains("fps")) {
    object["seconds"] =
        fmt::format("{:.4g}", object["num_frames"].get<double>() / object["fps"].get<double>());
  }
  return object;
}

json model_json(const RequestRules& rules, int64_t created) {
  json tasks = json::array();
  for (const engine::Task task : rules.defaults.tasks) tasks.push_back(engine::to_string(task));
  return {{"id", rules.model},
          {"object", "model"},
          {"created", created},
          {"owned_by", "zoetrope"},
          {"pipeline", rules.defaults.pipeline},
          {"tasks", std::move(tasks)},
          {"defaults", defaults_json(rules.defaults)},
          {"limits", limits_json(rules)}};
}

int progress_of(const engine::JobEvent& event) {
  if (event.job.state == JobState::kCompleted) return 100;
  // Denoising is nearly all of the work; only it counts steps that mean time.
  if (event.stage != "denoise" || event.of <= 0) return event.stage == "decode" ? 95 : 0;
  return static_cast<int>(std::clamp<int64_t>(95 * event.step / event.of, 0, 95));
}

json images_json(const Job& job, json data) {
  json object = {{"id", job.id},
                 {"created", job.created_ms / 1000},
                 {"model", job.what.model},
                 {"data", std::move(data)},
                 {"output_format", engine::file_extension(job.what.format) == "jpg"
                                       ? std::string_view("jpeg")
                                       : engine::file_extension(job.what.format)},
                 {"quality", quality_of(job)}};
  put_request(object, job);
  if (job.report) put_report(object, job);
  object.erase("num_frames");
  object.erase("fps");
  return object;
}

}  // namespace zoetrope::http
