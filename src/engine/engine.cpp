// The engine: one model on one device, requests in, clips and pictures out.
#include "engine/api/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "engine/api/memory_size.h"
#include "engine/boundary.h"
#include "engine/device_memory.h"
#include "engine/dump.h"
#include "engine/memory_plan.h"
#include "engine/model_defaults.h"
#include "engine/step_loop.h"
#include "media/resize.h"
#include "pipeline/model.h"
#include "pipeline/picture.h"
#include "tensor/device.h"
#include "tensor/memory.h"
#include "tensor/noise.h"

namespace zoetrope::engine {
namespace {

using base::Result;
using base::Status;
using pipeline::Bundle;
using pipeline::BundleMap;

constexpr uint64_t kNoiseStream = 0;

std::string dtype_name(at::ScalarType dtype) {
  return dtype == at::kFloat ? "fp32" : dtype == at::kHalf ? "fp16" : "bf16";
}

int64_t free_bytes(at::Device device) {
  return device.is_cuda() ? free_device_bytes(device) : available_memory_bytes();
}

class TorchEngine final : public Engine {
 public:
  TorchEngine(std::unique_ptr<pipeline::Model> model, MemoryPlan base_plan, int max_batch)
      : model_(std::move(model)),
        defaults_(model_defaults(model_->traits())),
        base_plan_(base_plan),
        loop_(*model_, max_batch) {}

  const ModelDefaults& defaults() const override { return defaults_; }
  std::string device() const override { return model_->device().str(); }
  std::string dtype() const override { return dtype_name(model_->dtype()); }

  MemoryPlan plan(const ResolvedRequest& request) const override {
    return plan_memory(*model_, size_of(request), base_plan_.weight_bytes, base_plan_.limit_bytes);
  }

  Result<ClipResult> generate(const Request& request, const Watch& watch) override {
    return guarded([&]() -> Result<ClipResult> {
      Request cleaned = request;
      int replaced = 0;
      cleaned.prompt = sanitise_utf8(request.prompt, replaced);
      int replaced_negative = 0;
      if (cleaned.negative_prompt) {
        cleaned.negative_prompt = sanitise_utf8(*cleaned.negative_prompt, replaced_negative);
      }
      ZT_ASSIGN_OR_RETURN(const ResolvedRequest resolved, resolve(std::move(cleaned), defaults_));
      const MemoryPlan memory = plan(resolved);
      if (!memory.fits()) return does_not_fit(memory);
      if (!resolved.dump_folder.empty()) ZT_RETURN_IF_ERROR(prepare_dump(resolved.dump_folder));
      ClipResult clip = run(resolved, watch);
      if (replaced > 0) {
        clip.warnings.push_back(
            fmt::format("prompt: {} bytes are not UTF-8 and were replaced", replaced));
      }
      if (replaced_negative > 0) {
        clip.warnings.push_back(fmt::format(
            "negative_prompt: {} bytes are not UTF-8 and were replaced", replaced_negative));
      }
      return clip;
    });
  }

  static Status does_not_fit(const MemoryPlan& plan) {
    return base::resource_exhausted(
        fmt::format("memory: this needs about {} MiB (weights {} MiB), {} MiB may be used",
                    plan.peak_bytes >> 20, plan.weight_bytes >> 20, plan.limit_bytes >> 20));
  }

 private:
  static pipeline::RunSize size_of(const ResolvedRequest& request) {
    return {.num_frames = request.num_frames,
            .width = request.model_width,
            .height = request.model_height,
            .keeps_blocks = request.tier == Tier::kBalanced};
  }

  ClipResult run(const ResolvedRequest& request, const Watch& watch) {
    const auto begin = std::chrono::steady_clock::now();
    const at::Tensor noise = noise_of(request);
    pipeline::GraphResult result =
        pipeline::run(model_->graph(source_of(request)), model_->roles(hooks_of(watch)),
                      inputs_of(request, noise), context_of(watch));
    if (!request.dump_folder.empty()) {
      const Status dumped = write_dump(request.dump_folder, request, noise, result.outputs);
      if (!dumped.ok()) throw base::Error(dumped);
    }
    ClipResult clip = clip_of(request, result);
    const std::chrono::duration<double> total = std::chrono::steady_clock::now() - begin;
    clip.timings.push_back({"total", total.count()});
    return clip;
  }

  at::Tensor noise_of(const ResolvedRequest& request) const {
    const std::vector<int64_t> shape = model_->latent_shape(size_of(request));
    if (!request.latents_file.empty()) return read_noise(request.latents_file, shape);
    return tensor::gaussian_noise(shape, request.seed, kNoiseStream, 0, at::kCPU);
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

  pipeline::DenoiseHooks hooks_of(const Watch& watch) {
    pipeline::DenoiseHooks hooks;
    hooks.drive = [this](pipeline::DenoiseSession& session) { loop_.run(session); };
    if (watch.preview) {
      hooks.preview = [show = watch.preview](const at::Tensor& frames) {
        show(pipeline::to_image(at::cat(frames.unbind(0), 1)));  // side by side
      };
      hooks.wants_preview = watch.wants_preview;
    }
    return hooks;
  }

  // Roles run on several threads; the caller's sink sees one call at a time.
  static pipeline::RunContext context_of(const Watch& watch) {
    pipeline::RunContext context{nullptr, watch.cancel};
    if (watch.progress) {
      context.progress = [sink = watch.progress,
                          mutex = std::make_shared<std::mutex>()](const base::Progress& progress) {
        const std::lock_guard lock(*mutex);
        sink(progress);
      };
    }
    return context;
  }

  ClipResult clip_of(const ResolvedRequest& request, const pipeline::GraphResult& result) const {
    ClipResult clip;
    clip.fps = request.fps;
    clip.seed = request.seed;
    clip.steps = request.steps;
    clip.tier = request.tier;
    at::Tensor frames = result.outputs.at("frames").tensor("frames");
    if (request.frame) frames = frames.narrow(0, *request.frame, 1);
    for (const at::Tensor& pixels : frames.unbind(0)) {
      media::Image frame = pipeline::to_image(pixels);
      const bool as_is = frame.width == request.width && frame.height == request.height;
      clip.frames.push_back(as_is ? std::move(frame)
                                  : media::resize(frame, request.width, request.height));
    }
    if (request.own_first_frame) {
      clip.own_first_frame =
          pipeline::to_image(result.outputs.at("frames").tensor("own_first_frame"));
    }
    for (const pipeline::RoleTiming& timing : result.timings) {
      clip.timings.push_back({timing.role, timing.seconds});
    }
    add_text_warnings(result.outputs, clip.warnings);
    clip.peak_memory_bytes = model_->device().is_cuda() ? tensor::peak_cuda_bytes(model_->device())
                                                        : tensor::peak_process_bytes();
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
  ModelDefaults defaults_;
  MemoryPlan base_plan_;
  StepLoop loop_;  // last: its thread uses what stands above
};

Status check_options(const EngineOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return base::invalid_argument("threads: must lie between 1 and 1024");
  }
  if (options.max_batch < 1 || options.max_batch > 64) {
    return base::invalid_argument("max_batch: must lie between 1 and 64");
  }
  return {};
}

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

    const pipeline::ModelIndex index = pipeline::read_model_index(model_folder);
    MemoryPlan plan;
    plan.weight_bytes = pipeline::weight_bytes(index, dtype);
    plan.fixed_bytes = device.is_cuda() ? 0 : kFixedBytesCpu;
    plan.peak_bytes = plan.fixed_bytes + 2 * plan.weight_bytes;
    plan.limit_bytes = options.memory_limit_bytes > 0 ? options.memory_limit_bytes
                                                      : free_bytes(device) + plan.fixed_bytes;
    if (!plan.fits()) return TorchEngine::does_not_fit(plan);

    const c10::NoGradGuard no_gradients;
    return std::unique_ptr<Engine>(std::make_unique<TorchEngine>(
        pipeline::load_model(index, dtype, device), plan, options.max_batch));
  });
}

}  // namespace zoetrope::engine
