#include "eval/clip_maker.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/api/inspect.h"
#include "eval/fingerprint.h"
#include "pipeline/picture.h"

namespace zoetrope::eval {
namespace {

using base::Result;
using base::Status;

engine::Request request_of(const Configuration& configuration, const EvalItem& item,
                           uint64_t seed) {
  engine::Request request;
  configuration.apply(request);
  request.picture = pipeline::to_image(item.frames[0]);
  request.prompt = item.caption;
  request.seed = seed;
  request.num_frames = static_cast<int>(item.frames.size(0));
  request.size = static_cast<int>(std::max(item.frames.size(1), item.frames.size(2)));
  request.own_first_frame = true;
  return request;
}

// All that decides the clip's pixels, the device apart, whose rounding is recorded beside it.
std::string identity(const Configuration& configuration, const std::string& model_id,
                     const EvalItem& item, uint64_t seed) {
  nlohmann::json json = describe(configuration);
  json["model"] = model_id;
  json["prompt"] = item.caption;
  json["item"] = item.number;
  const at::Tensor picture = item.frames[0].contiguous();
  Fingerprint pixels;
  pixels.add({reinterpret_cast<const char*>(picture.const_data_ptr()),
              static_cast<size_t>(picture.numel())});
  json["picture"] = pixels.text();
  json["frames"] = item.frames.size(0);
  json["seed"] = seed;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<StoredClip> generate(engine::Engine& engine, const engine::Request& request,
                            at::IntArrayRef shape, const base::CancelToken& cancel) {
  ZT_ASSIGN_OR_RETURN(const engine::ClipResult made, engine.generate(request, {.cancel = cancel}));
  std::vector<at::Tensor> frames;
  for (const media::Image& frame : made.frames) frames.push_back(pipeline::to_pixels(frame));
  StoredClip clip{at::stack(frames), pipeline::to_pixels(made.own_first_frame)};
  if (clip.frames.sizes() != shape) {
    return base::invalid_argument(
        fmt::format("the model makes clips of {} frames of {}x{}, the data has {} of {}x{}",
                    clip.frames.size(0), clip.frames.size(2), clip.frames.size(1), shape[0],
                    shape[2], shape[1]));
  }
  for (const engine::StageTime& stage : made.timings) {
    if (stage.stage == "total") clip.seconds = stage.seconds;
  }
  clip.made_on = engine.device() + ", " + engine.dtype();
  return clip;
}

}  // namespace

Status check_configuration(const Configuration& configuration) {
  const std::string context = "configuration '" + configuration.name + "'";
  const auto report = engine::inspect_model(configuration.model);
  if (!report.ok()) return report.status().with_context(context);
  for (const engine::ComponentReport& part : report->components) {
    if (!part.problem.empty()) {
      return base::data_loss(fmt::format("{}: {}: {}", context, part.name, part.problem));
    }
  }
  if (!report->defaults) return base::data_loss(context + ": " + report->problem);
  engine::Request request;
  request.picture = media::Image(16, 16);
  configuration.apply(request);
  const auto resolved = engine::resolve(std::move(request), *report->defaults);
  return resolved.ok() ? Status() : resolved.status().with_context(context);
}

Result<MadeClips> make_clips(const Configuration& configuration,
                             const engine::EngineOptions& options, const EvalSet& set,
                             const std::vector<uint64_t>& seeds, const ClipStore& store,
                             const base::ProgressSink& progress, const base::CancelToken& cancel) {
  const auto in_context = [&](const Status& status) {
    return status.code() == base::StatusCode::kCancelled
               ? status
               : status.with_context("configuration '" + configuration.name + "'");
  };
  MadeClips made;
  ZT_ASSIGN_OR_RETURN(made.model_id, folder_fingerprint(configuration.model));
  std::unique_ptr<engine::Engine> engine;  // opened when the first clip is missing
  const auto total = static_cast<int64_t>(set.items.size() * seeds.size());
  for (const EvalItem& item : set.items) {
    for (const uint64_t seed : seeds) {
      if (cancel.cancelled()) return Status(base::StatusCode::kCancelled, "cancelled");
      const std::string who = identity(configuration, made.model_id, item, seed);
      const auto path = store.path(configuration.name, item.number, seed);
      auto clip = store.load(path, who);
      if (!clip || clip->frames.sizes() != item.frames.sizes()) {
        if (!engine) {
          auto opened = engine::Engine::open(configuration.model, options);
          if (!opened.ok()) return in_context(opened.status());
          engine = std::move(*opened);
        }
        auto fresh =
            generate(*engine, request_of(configuration, item, seed), item.frames.sizes(), cancel);
        if (!fresh.ok()) return in_context(fresh.status());
        ZT_RETURN_IF_ERROR(store.save(path, who, *fresh));
        clip = std::move(*fresh);
      }
      made.clips.push_back(std::move(*clip));
      base::report(progress, configuration.name, static_cast<int64_t>(made.clips.size()), total);
    }
  }
  return made;
}

}  // namespace zoetrope::eval
