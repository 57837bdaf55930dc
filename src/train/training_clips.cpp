#include "train/training_clips.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace zoetrope::train {
namespace {

constexpr double kOtherStartShare = 0.4;  // of the draws that start at a random frame
constexpr double kBackwardsShare = 0.25;  // most motions look right backwards too

at::Tensor rows_of(const at::Tensor& from, const std::vector<int64_t>& which) {
  return from.index_select(0, at::tensor(which, at::kLong));
}

}  // namespace

TrainingClips::TrainingClips(const TrainingData& data, const models::AutoencoderKl& autoencoder,
                             const Options& options)
    : sampler_(data, options.still_share),
      prompts_(ClipSampler::prompt_table(data).to(options.device)),
      cache_(encode_clips(
          autoencoder,
          {rows_of(data.clips, data.train_clips),
           options.still_share > 0 ? rows_of(data.stills, data.lone_stills) : at::Tensor()},
          options.cache, options.device, options.cache_file)) {}

TrainingClips::Pick TrainingClips::pick(const std::function<double(uint64_t)>& uniform) const {
  const int64_t versions = cache_.latents.size(0), clips = cache_.latents.size(1);
  const auto frames = static_cast<double>(cache_.latents.size(2));
  const int64_t example = sampler_.example(uniform(0), uniform(1), uniform(2));
  const int64_t version = static_cast<int64_t>(uniform(3) * static_cast<double>(versions));
  const double start = uniform(4) / kOtherStartShare;  // beyond 1: the clip's own first frame
  return {.clip = version * clips + example,
          .first_frame = start < 1.0 ? static_cast<int64_t>(start * frames) : 0,
          .direction = uniform(5) < kBackwardsShare ? -1 : 1,
          .prompt = sampler_.prompt_row(example, uniform(6)),
          .motion = cache_.motion[version * clips + example]};
}

at::Tensor TrainingClips::latents(const at::Tensor& picks) const {
  const int64_t frames = cache_.latents.size(2);
  const at::Tensor order =
      (picks.narrow(1, 1, 1) + picks.narrow(1, 2, 1) * at::arange(frames, picks.options()) + frames)
          .remainder(frames);
  const at::Tensor which = picks.narrow(1, 0, 1) * frames + order;
  return cache_.latents.flatten(0, 2)
      .index_select(0, which.flatten())
      .unflatten(0, {picks.size(0), frames})
      .to(at::kFloat);
}

at::Tensor TrainingClips::prompts(const at::Tensor& which) const {
  return prompts_.index_select(0, which);
}

HeldOutClips::HeldOutClips(const TrainingData& data, const models::AutoencoderKl& autoencoder,
                           at::ScalarType dtype, at::Device device)
    : empty_prompt(data.empty_prompt.to(device)) {
  if (data.held_out_clips.empty()) return;
  pixels = rows_of(data.clips, data.held_out_clips);
  const LatentCache cache =
      encode_clips(autoencoder, {pixels, {}}, {.versions = 1, .dtype = dtype}, device);
  latents = cache.latents.select(0, 0).to(at::kFloat);
  motion = at::tensor(cache.motion).to(device);
  prompts = rows_of(data.prompts, data.held_out_clips).select(1, 0).to(device);
}

at::Tensor HeldOutClips::spread(int64_t count) const {
  const int64_t n = std::min(count, latents.size(0));
  return at::arange(n, at::kLong) * (latents.size(0) / n);
}

}  // namespace zoetrope::train
