#include "train/latent_cache.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>

#include "base/philox.h"
#include "train/still_motion.h"
#include "train/training_data.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {
namespace {

constexpr int64_t kClipsAtOnce = 16;
constexpr double kMinZoom = 0.75, kMaxZoom = 1.08;
constexpr double kMaxShift = 0.12;  // of half the side: 8 of 128 pixels
constexpr double kMaxTurn = 0.15;   // radians
constexpr double kChannelShuffleShare = 0.3;

// One geometric and colour change for all frames of a clip. White flows in from outside.
at::Tensor changed(const at::Tensor& clip, uint64_t seed, uint64_t draw) {
  const auto uniform = [&](uint64_t which) { return base::uniform_at(seed, which, draw); };
  const double scale = 1.0 / (kMinZoom + (kMaxZoom - kMinZoom) * uniform(1));
  const double mirror = uniform(2) < 0.5 ? -1.0 : 1.0;
  const auto shift = [&](uint64_t which) { return kMaxShift * (2.0 * uniform(which) - 1.0); };
  const double turn = kMaxTurn * (2.0 * uniform(8) - 1.0);
  const double c = scale * std::cos(turn), s = scale * std::sin(turn);
  const std::array<float, 6> affine = {
      static_cast<float>(c * mirror), static_cast<float>(-s * mirror),
      static_cast<float>(shift(3)),   static_cast<float>(s),
      static_cast<float>(c),          static_cast<float>(shift(4))};
  const at::Tensor theta =
      at::tensor(at::ArrayRef<float>(affine)).to(clip.device()).view({1, 2, 3});
  at::Tensor out = warp_on_white(clip, theta.expand({clip.size(0), 2, 3}));
  if (uniform(5) < kChannelShuffleShare) {
    std::array<int64_t, 3> order = {0, 1, 2};
    std::swap(order[0], order[static_cast<int>(uniform(6) * 3)]);
    std::swap(order[1], order[1 + static_cast<int>(uniform(7) * 2)]);
    out = out.index_select(3, at::tensor(at::ArrayRef<int64_t>(order)).to(clip.device()));
  }
  return out;
}

// The clips [first, first + count) of the source as fp32 [count, f, h, w, 3]: real ones, then made
// from stills. A still moves differently in every version.
at::Tensor source_clips(const ClipSource& source, int64_t first, int64_t count, int64_t version,
                        uint64_t seed, at::Device device) {
  const int64_t real = source.clips.size(0);
  std::vector<at::Tensor> out;
  if (first < real) {
    const int64_t n = std::min(count, real - first);
    out.push_back(to_signed_unit(source.clips.narrow(0, first, n).to(device)));
  }
  for (int64_t i = std::max(first, real); i < first + count; ++i) {
    const at::Tensor still = to_signed_unit(source.stills.select(0, i - real).to(device));
    out.push_back(
        animate_still(still, source.clips.size(1), seed, static_cast<uint64_t>(i * 1024 + version))
            .unsqueeze(0));
  }
  return at::cat(out);
}

at::Tensor version_of(const at::Tensor& clips, int64_t version, uint64_t seed, int64_t first) {
  if (version == 0) return clips;
  if (version == 1) return clips.flip({3});
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < clips.size(0); ++i) {
    const auto draw = static_cast<uint64_t>((first + i) * 1024 + version);
    out.push_back(changed(clips.select(0, i), seed, draw));
  }
  return at::stack(out);
}

// A cache on disk belongs to one data set and one set of options; what cannot be read is made anew.
std::optional<LatentCache> read_cache(const std::string& file, const std::string& key,
                                      at::Device device) {
  if (file.empty() || !std::filesystem::exists(file)) return std::nullopt;
  const auto opened = weights::SafetensorsFile::open(file);
  if (!opened.ok()) return std::nullopt;
  const auto found = opened->metadata().find("key");
  const auto* latents = opened->find("latents");
  const auto* motion = opened->find("motion");
  if (found == opened->metadata().end() || found->second != key || !latents || !motion) {
    return std::nullopt;
  }
  const at::Tensor m = weights::tensor_of(*opened, *motion);
  LatentCache cache;
  cache.latents =
      weights::tensor_of(*opened, *latents).to(device, /*non_blocking=*/false, /*copy=*/true);
  cache.motion.assign(m.const_data_ptr<float>(), m.const_data_ptr<float>() + m.numel());
  return cache;
}

LatentCache encode_all(const models::AutoencoderKl& autoencoder, const ClipSource& source,
                       const LatentCacheOptions& options, at::Device device) {
  const c10::InferenceMode inference;
  LatentCache cache;
  const int64_t n = source.size(), f = source.clips.size(1);
  cache.motion.resize(options.versions * n);
  for (int64_t first = 0; first < n; first += kClipsAtOnce) {
    const int64_t count = std::min(kClipsAtOnce, n - first);
    for (int64_t version = 0; version < options.versions; ++version) {
      const at::Tensor x =
          version_of(source_clips(source, first, count, version, options.seed, device), version,
                     options.seed, first);
      const at::Tensor motion = motion_strength(x).to(at::kCPU).contiguous();
      std::copy_n(motion.const_data_ptr<float>(), count,
                  cache.motion.begin() + version * n + first);
      const auto moments = autoencoder.encode(x.flatten(0, 1).contiguous().to(options.dtype));
      const at::Tensor z =
          autoencoder.normalise(moments.mean).to(at::kHalf).unflatten(0, {count, f});
      if (!cache.latents.defined()) {
        std::vector<int64_t> shape = {options.versions, n};
        shape.insert(shape.end(), z.sizes().begin() + 1, z.sizes().end());
        cache.latents = at::empty(shape, z.options());
      }
      cache.latents.select(0, version).narrow(0, first, count).copy_(z);
    }
  }
  return cache;
}

}  // namespace

at::Tensor motion_strength(const at::Tensor& clips) {
  const int64_t f = clips.size(1);
  const at::Tensor difference =
      (clips.narrow(1, 1, f - 1) - clips.narrow(1, 0, f - 1)).abs().mean({1, 2, 3, 4}) / 2.0;
  return ((difference.clamp_min(1e-4).log10() + 2.6) / 1.8).clamp(0.0, 1.0);
}

LatentCache encode_clips(const models::AutoencoderKl& autoencoder, const ClipSource& source,
                         const LatentCacheOptions& options, at::Device device,
                         const std::string& file) {
  const std::string key =
      fmt::format("clips {} versions {} seed {}", source.size(), options.versions, options.seed);
  if (auto cache = read_cache(file, key, device)) return *std::move(cache);
  LatentCache cache = encode_all(autoencoder, source, options, device);
  if (!file.empty()) {
    const auto status = weights::save_tensors(
        file, {{"latents", cache.latents}, {"motion", at::tensor(cache.motion)}}, {{"key", key}});
    if (!status.ok()) throw base::Error(status);
  }
  return cache;
}

}  // namespace zoetrope::train
