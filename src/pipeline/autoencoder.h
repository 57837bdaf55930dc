// Autoencoder: pixels to latents and back, for still pictures (AutoencoderKL) and for clips
// (AutoencoderKLWan). Immutable after loading; any thread may use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "pipeline/model_index.h"

namespace zoetrope::pipeline {

class Autoencoder {
 public:
  virtual ~Autoencoder() = default;

  // Pixels a latent element stands for, along a side; frames a latent frame stands for, but for the
  // first, which stands for one.
  virtual int64_t downscale() const = 0;
  virtual int64_t frame_multiple() const = 0;
  virtual int64_t latent_channels() const = 0;

  // frames [f, h, w, 3] in [-1, 1], any floating dtype -> [f', h', w', c] fp32: the mean, as the
  // denoiser knows latents.
  virtual at::Tensor encode(const at::Tensor& frames) const = 0;

  // Frames that are there, of those to come. Throws to stop.
  using Progress = std::function<void(int64_t done, int64_t of)>;
  // latents [f', h', w', c] fp32 -> u8 [f, h, w, 3] on the CPU. `tile`: in squares of so many
  // latents along a side, which overlap by a quarter, so that the memory does not grow with the
  // picture; kWhole: one latent frame at a time, so that it does not grow with the clip.
  static constexpr int64_t kWhole = 0;
  virtual at::Tensor decode(const at::Tensor& latents, int64_t tile,
                            const Progress& progress) const = 0;

  // [f', h', w', c]
  std::vector<int64_t> latent_shape(int64_t num_frames, int64_t height, int64_t width) const {
    return {(num_frames - 1) / frame_multiple() + 1, height / downscale(), width / downscale(),
            latent_channels()};
  }
};

// The component "vae". Throws base::Error naming the file.
std::unique_ptr<Autoencoder> load_autoencoder(const ModelIndex& index, at::ScalarType dtype,
                                              at::Device device);

// For component_loaders.
std::shared_ptr<const void> build_autoencoder(const ModelIndex& index,
                                              weights::ParameterSource& source);

}  // namespace zoetrope::pipeline
