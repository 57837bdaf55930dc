// The engine: one model on one device, requests in, clips and pictures out.
#include "engine/api/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "engine/api/memory_size.h"
#include "engine/boundary.h"
#include "engine/device_memory.h"
#include "engine/dump.h"
#include "engine/memory_plan.h"
#include "engine/model_defaults.h"
#include "engine/options.h"
#include "engine/step_loop.h"
#include "media/resize.h"
#include "pipeline/model.h"
#include "pipeline/picture.h"
#include "pipeline/several.h"
#include "tensor/device.h"
#include "tensor/memory.h"
#include "tensor/noise.h"
#include "tensor/weight_format.h"

namespace zoetrope::engine {
namespace {

using base::Result;
using base::Status;
using pipeline::Bundle;
using pipeline::BundleMap;

constexpr uint64_t kNoiseStream = 0;

constexpr const char* kDecodedInTiles =
    "memory: decoded in tiles, which differs a little from decoding the whole";

// With what this process already takes.
int64_t usable_bytes(at::Device device) {
  return device.is_cuda() ? free_device_bytes(device) : available_memory_bytes() + kFixedBytesCpu;
}

class TorchEngine final : public Engine {
 public:
  TorchEngine(std::unique_ptr<pipeline::Model> model, std::unique_ptr<const MemoryPlanner> planner,
              int max_batch)
      : model_(std::move(model)),
        planner_(std::move(planner)),
        traits_(model_->traits()),
        defaults_(model_defaults(traits_)),
        max_batch_(max_batch),
        loop_(*model_, max_batch,
              MemoryPlanner::records_passes(planner_->placement()) ? pipeline::Launch::kRecorded
                                                                   : pipeline::Launch::kEager) {}

  const ModelDefaults& defaults() const override { return defaults_; }
  std::string device() const override { return model_->device().str(); }
  std::string dtype() const override { return tensor::dtype_name(model_->dtype()); }

  MemoryPlan plan(const ResolvedRequest& request) const override {
    return planner_->plan(size_of(request));
  }

  Result<ClipResult> generate(const Request& request, const Watch& watch) override {
    ClipResult made;
    ZT_RETURN_IF_ERROR(generate_each(request, {&request.seed, 1}, watch, [&](ClipResult clip) {
      made = std::move(clip);
      return Status();
    }));
    return made;
  }

  Status generate_each(const Request& request, std::span<const uint64_t> seeds, const Watch& watch,
                       const Take& take) override {
    const auto done = guarded([&]() -> Result<bool> {
      Request cleaned = request;
      std::vector<std::string> warnings;
      clean("prompt", cleaned.prompt, warnings);
      if (cleaned.negative_prompt) clean("negative_prompt", *cleaned.negative_prompt, warnings);
      ZT_ASSIGN_OR_RETURN(const ResolvedRequest resolved, resolve(std::move(cleaned), defaults_));
      ZT_RETURN_IF_ERROR(check_seeds(resolved, seeds));
      const MemoryPlan memory = plan(resolved);
      if (!memory.fits()) return does_not_fit(memory);
      if (!resolved.dump_folder.empty()) ZT_RETURN_IF_ERROR(prepare_dump(resolved.dump_folder));
      ZT_RETURN_IF_ERROR(run(resolved, seeds, watch, [&](ClipResult clip) {
        clip.warnings.insert(clip.warnings.end(), warnings.begin(), warnings.end());
        return take(std::move(clip));
      }));
      return true;
    });
    return done.status();
  }

  static Status does_not_fit(const MemoryPlan& plan) {
    return base::resource_exhausted(
        fmt::format("memory: this needs about {} MiB (weights {} MiB), {} MiB may be used",
                    plan.peak_bytes >> 20, plan.weight_bytes >> 20, plan.limit_bytes >> 20));
  }

 private:
  pipeline::RunSize size_of(const ResolvedRequest& request) const {
    const double scale = traits_.guidance_embeds ? request.true_cfg_scale : request.text_guidance;
    return {.num_frames = request.num_frames,
            .width = request.model_width,
            .height = request.model_height,
            .keeps_blocks = request.tier == Tier::kBalanced,
            .guided = scale != 1.0};
  }

  // The text as valid UTF-8.
  static void clean(const char* field, std::string& text, std::vector<std::string>& warnings) {
    int replaced = 0;
    text = sanitise_utf8(text, replaced);
    if (replaced == 0) return;
    warnings.push_back(
        fmt::format("{}: {} bytes are not UTF-8 and were replaced", field, replaced));
  }

  static Status check_seeds(const ResolvedRequest& request, std::span<const uint64_t> seeds) {
    if (seeds.size() == 1) return {};
    if (!request.latents_file.empty()) return base::invalid_argument("latents: go with one seed");
    if (!request.dump_folder.empty()) return base::invalid_argument("dump: goes with one seed");
    return {};
  }

  // How results are made so that they fit.
  struct Means {
    int64_t together;  // how many may share steps
    MemoryPlan plan;
  };
  // Recorded passes of other shapes may keep what these leave.
  Means make_room(const ResolvedRequest& request) {
    pipeline::RunSize size = size_of(request);
    MemoryPlan plan = planner_->plan(size);
    // A processor takes one at a time in any case: see default_batching.
    if (!model_->device().is_cuda()) return {max_batch_, plan};
    size.together = max_batch_;
    plan = planner_->plan(size);
    while (!plan.fits() && size.together > 1) {
      --size.together;
      plan = planner_->plan(size);
    }
    loop_.limit_other_recordings(std::max<int64_t>(0, plan.limit_bytes - plan.peak_bytes));
    return {size.together, plan};
  }

  Status run(const ResolvedRequest& request, std::span<const uint64_t> seeds, const Watch& watch,
             const Take& take) {
    const Means means = make_room(request);
    // What does not depend on the seed, the text's encoding first of all, is made for the first
    // results and kept for the others.
    pipeline::RoleTable roles = model_->roles(hooks_of(watch, means.plan));
    for (auto& [name, role] : roles) {
      if (name != "denoise" && name != "decode") role = pipeline::played_once(std::move(role));
    }
    const auto together = static_cast<size_t>(means.together);
    for (size_t first = 0; first < seeds.size(); first += together) {
      const std::span<const uint64_t> some =
          seeds.subspan(first, std::min(together, seeds.size() - first));
      const Span span{first, some.size(), seeds.size()};
      for (ClipResult& clip : run_together(request, some, roles, context_of(watch, span))) {
        if (means.plan.decode_tile != 0) clip.warnings.push_back(kDecodedInTiles);
        ZT_RETURN_IF_ERROR(take(std::move(clip)));
      }
    }
    return {};
  }

  std::vector<ClipResult> run_together(const ResolvedRequest& request,
                                       std::span<const uint64_t> seeds,
                                       const pipeline::RoleTable& roles,
                                       const pipeline::RunContext& context) {
    const auto begin = std::chrono::steady_clock::now();
    const at::Tensor noise = noise_of(request, seeds);
    const pipeline::GraphResult result =
        pipeline::run(model_->graph(source_of(request)), roles, inputs_of(request, noise), context);
    if (!request.dump_folder.empty()) {
      const Status dumped =
          write_dump(request.dump_folder, request, seeds[0], noise[0], result.outputs);
      if (!dumped.ok()) throw base::Error(dumped);
    }
    std::vector<ClipResult> clips;
    for (size_t i = 0; i < seeds.size(); ++i) {
      clips.push_back(clip_of(request, result, static_cast<int64_t>(i)));
      clips.back().seed = seeds[i];
    }
    const std::chrono::duration<double> total = std::chrono::steady_clock::now() - begin;
    // Each has its share of what was done for all of them.
    for (ClipResult& clip : clips) {
      clip.timings.push_back({"total", total.count()});
      for (StageTime& time : clip.timings) time.seconds /= static_cast<double>(clips.size());
    }
    return clips;
  }

  // [n, f, h, w, c]
  at::Tensor noise_of(const ResolvedRequest& request, std::span<const uint64_t> seeds) const {
    const std::vector<int64_t> shape = model_->latent_shape(size_of(request));
    if (!request.latents_file.empty()) {
      return read_noise(request.latents_file, shape).unsqueeze(0);
    }
    std::vector<at::Tensor> noises;
    for (const uint64_t seed : seeds) {
      noises.push_back(tensor::gaussian_noise(shape, seed, kNoiseStream, 0, at::kCPU));
    }
    return at::stack(noises);
  }

  static pipeline::Source source_of(const ResolvedRequest& request) {
    return request.picture.empty() ? pipeline::Source::kText : pipeline::Source::kPicture;
  }

  static BundleMap inputs_of(const ResolvedRequest& request, const at::Tensor& noise) {
    BundleMap inputs;
    inputs["prompt"].facts = {{"text", request.prompt}, {"negative_text", request.negative_prompt}};
    if (!request.picture.empty()) {
      inputs["picture"].tensors["pixels"] = pipeline::to_pixels(request.picture);
      inputs["picture"].facts = {{"num_frames", request.num_frames},
                                 {"width", request.model_width},
                                 {"height", request.model_height},
                                 {"own_first_frame", request.own_first_frame}};
    }
    inputs["noise"].tensors["noise"] = noise;
    inputs["noise"].facts = {{"distilled", request.quality == Quality::kFast},
                             {"steps", request.steps},
                             {"image_guidance", request.image_guidance},
                             {"text_guidance", request.text_guidance},
                             {"true_cfg_scale", request.true_cfg_scale},
                             {"strength", request.strength},
                             {"motion", request.motion},
                             {"fps", static_cast<double>(request.fps)},
                             {"cache_blocks", request.tier == Tier::kBalanced},
                             {"keep_trajectory", !request.dump_folder.empty()}};
    return inputs;
  }

  std::string precision() const {
    return traits_.linears == tensor::WeightFormat::kPlain
               ? dtype()
               : std::string(tensor::to_string(traits_.linears));
  }

  pipeline::DenoiseHooks hooks_of(const Watch& watch, const MemoryPlan& plan) {
    pipeline::DenoiseHooks hooks;
    hooks.branches_apart = plan.branches_apart;
    hooks.decode_tile = plan.decode_tile;
    hooks.drive = [this](auto sessions) {
      loop_.run(sessions);
      tensor::synchronize(model_->device());  // or the next role's time would be part of this one's
    };
    if (watch.preview) {
      hooks.preview = [show = watch.preview](const at::Tensor& frames) {
        show(pipeline::to_image(at::cat(frames.unbind(0), 1)));  // side by side
      };
      hooks.wants_preview = watch.wants_preview;
    }
    return hooks;
  }

  // Which of the results a run makes.
  struct Span {
    size_t first, count, of;
  };

  // Roles run on several threads; the caller's sink sees one call at a time.
  static pipeline::RunContext context_of(const Watch& watch, const Span& span) {
    pipeline::RunContext context{nullptr, watch.cancel};
    if (watch.progress) {
      context.progress = [sink = watch.progress, span,
                          mutex = std::make_shared<std::mutex>()](const base::Progress& p) {
        const std::lock_guard lock(*mutex);
        const int64_t each = p.of / static_cast<int64_t>(span.count);
        base::report(sink, p.stage, static_cast<int64_t>(span.first) * each + p.step,
                     static_cast<int64_t>(span.of) * each);
      };
    }
    return context;
  }

  ClipResult clip_of(const ResolvedRequest& request, const pipeline::GraphResult& result,
                     int64_t index) const {
    const Bundle& made = result.outputs.at("frames");
    ClipResult clip;
    clip.fps = request.fps;
    clip.steps = request.steps;
    clip.tier = traits_.lossless ? request.tier : Tier::kTurbo;
    clip.precision = precision();
    clip.attention = ops::to_string(traits_.attention);
    at::Tensor frames = made.tensor("frames")[index];
    if (request.frame) frames = frames.narrow(0, *request.frame, 1);
    for (const at::Tensor& pixels : frames.unbind(0)) {
      media::Image frame = pipeline::to_image(pixels);
      const bool as_is = frame.width == request.width && frame.height == request.height;
      clip.frames.push_back(as_is ? std::move(frame)
                                  : media::resize(frame, request.width, request.height));
    }
    if (request.own_first_frame) {
      clip.own_first_frame = pipeline::to_image(made.tensor("own_first_frame")[index]);
    }
    for (const pipeline::RoleTiming& timing : result.timings) {
      clip.timings.push_back({timing.role, timing.seconds});
    }
    add_text_warnings(result.outputs, clip.warnings);
    const at::Device device = model_->device();
    if (device.is_cuda()) {
      clip.peak_memory_bytes = tensor::peak_cuda_bytes(device);
      clip.reserved_memory_bytes = tensor::peak_reserved_cuda_bytes(device);
    } else {
      clip.peak_memory_bytes = tensor::peak_process_bytes();
    }
    return clip;
  }

  // Of the encoders that a model has the one with the longest memory counts.
  static void add_text_warnings(const BundleMap& outputs, std::vector<std::string>& warnings) {
    for (const std::string prefix : {"", "negative_"}) {
      bool truncated = true;
      int tokens = 0;
      for (const auto& [name, bundle] : outputs) {
        if (!bundle.facts.contains(prefix + "tokens")) continue;
        truncated &= bundle.fact<bool>(prefix + "truncated");
        tokens = std::max(tokens, bundle.fact<int>(prefix + "tokens"));
      }
      if (tokens == 0 || !truncated) continue;
      warnings.push_back(fmt::format("{}prompt: only the first {} tokens count, the rest was cut",
                                     prefix, tokens));
    }
  }

  std::unique_ptr<pipeline::Model> model_;
  std::unique_ptr<const MemoryPlanner> planner_;
  pipeline::ModelTraits traits_;
  ModelDefaults defaults_;
  int max_batch_;
  StepLoop loop_;  // last: its thread uses what stands above
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const std::filesystem::path& model_folder,
                                             const EngineOptions& options) {
  return guarded([&]() -> Result<std::unique_ptr<Engine>> {
    ZT_RETURN_IF_ERROR(check_options(options));
    ZT_ASSIGN_OR_RETURN(const at::Device device, tensor::parse_device(options.device));
    at::ScalarType dtype = tensor::default_dtype(device);
    if (options.dtype != "auto") {
      ZT_ASSIGN_OR_RETURN(dtype, tensor::parse_dtype(options.dtype));
    }
    if (options.threads > 0) at::set_num_threads(options.threads);
    if (device.is_cuda()) keep_device_memory_whole();

    pipeline::ModelIndex index = pipeline::read_model_index(model_folder);
    ZT_RETURN_IF_ERROR(choose_precision(options, index));
    const int64_t limit =
        options.memory_limit_bytes > 0 ? options.memory_limit_bytes : usable_bytes(device);
    auto planner =
        std::make_unique<const MemoryPlanner>(index, dtype, device, limit, options.expected);
    index.placement = planner->placement();
    const MemoryPlan plan = planner->plan();
    if (!plan.fits()) return TorchEngine::does_not_fit(plan);
    if (device.is_cuda() && options.memory_limit_bytes > 0) limit_device_bytes(device, limit);

    const c10::NoGradGuard no_gradients;
    return std::unique_ptr<Engine>(std::make_unique<TorchEngine>(
        pipeline::load_model(index, dtype, device), std::move(planner), options.max_batch));
  });
}

}  // namespace zoetrope::engine
