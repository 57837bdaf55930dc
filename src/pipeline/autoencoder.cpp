#include "pipeline/autoencoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"
#include "pipeline/picture.h"

namespace zoetrope::pipeline {
namespace {

using weights::Scope;

class PictureAutoencoder final : public Autoencoder {
 public:
  PictureAutoencoder(models::AutoencoderKl network, at::ScalarType dtype)
      : network_(std::move(network)), dtype_(dtype) {}

  int64_t downscale() const override { return network_.config().downscale(); }
  int64_t frame_multiple() const override { return 1; }
  int64_t latent_channels() const override { return network_.config().latent_channels; }

  at::Tensor encode(const at::Tensor& frames) const override {
    return network_.normalise(network_.encode(frames.to(dtype_)).mean);
  }

  at::Tensor decode(const at::Tensor& latents, const Progress& progress) const override {
    std::vector<at::Tensor> frames;
    const int64_t count = latents.size(0);
    for (int64_t i = 0; i < count; ++i) {
      if (progress) progress(i, count);
      const at::Tensor input = network_.denormalise(latents.narrow(0, i, 1)).to(dtype_);
      frames.push_back(to_bytes(network_.decode(input)).cpu());
    }
    if (progress) progress(count, count);
    return at::cat(frames);
  }

  // Full-size planes as wide as the second level: an enlarged one, the convolution's result, its
  // normalised copy, and what the convolution library reorders.
  int64_t decode_bytes(int64_t, int64_t height, int64_t width) const override {
    const auto& widths = network_.config().block_out_channels;
    const int64_t channels = widths[std::min<size_t>(1, widths.size() - 1)];
    return height * width * channels * 5 * static_cast<int64_t>(c10::elementSize(dtype_));
  }

 private:
  models::AutoencoderKl network_;
  at::ScalarType dtype_;
};

class VideoAutoencoder final : public Autoencoder {
 public:
  VideoAutoencoder(models::AutoencoderKlWan network, at::ScalarType dtype)
      : network_(std::move(network)), dtype_(dtype) {}

  int64_t downscale() const override { return network_.config().downscale(); }
  int64_t frame_multiple() const override { return network_.config().frame_downscale(); }
  int64_t latent_channels() const override { return network_.config().z_dim; }

  at::Tensor encode(const at::Tensor& frames) const override {
    return network_.normalise(network_.encode(frames.unsqueeze(0).to(dtype_)))[0];
  }

  // One latent frame at a time: memory does not grow with the clip.
  at::Tensor decode(const at::Tensor& latents, const Progress& progress) const override {
    const int64_t count = latents.size(0);
    const int64_t of = 1 + (count - 1) * frame_multiple();
    const at::Tensor input = network_.denormalise(latents.unsqueeze(0)).to(dtype_);
    models::WanDecodeSession decoder(network_);
    std::vector<at::Tensor> frames;
    for (int64_t i = 0, done = 0; i < count; ++i) {
      if (progress) progress(done, of);
      frames.push_back(to_bytes(decoder.next(input.narrow(1, i, 1))[0]).cpu());
      done += frames.back().size(0);
    }
    if (progress) progress(of, of);
    return at::cat(frames);
  }

  // As above, four frames at a time, and the cache of the last two of every convolution.
  int64_t decode_bytes(int64_t, int64_t height, int64_t width) const override {
    return height * width * network_.config().base_dim * 4 * 8 *
           static_cast<int64_t>(c10::elementSize(dtype_));
  }

 private:
  models::AutoencoderKlWan network_;
  at::ScalarType dtype_;
};

models::AutoencoderKl make_kl(const ModelIndex& index, weights::ParameterSource& source) {
  return models::AutoencoderKl(Scope(source),
                               models::AutoencoderKlConfig::from_json(index.config("vae")));
}

models::AutoencoderKlWan make_wan(const ModelIndex& index, weights::ParameterSource& source) {
  return models::AutoencoderKlWan(Scope(source),
                                  models::AutoencoderKlWanConfig::from_json(index.config("vae")));
}

}  // namespace

std::unique_ptr<Autoencoder> load_autoencoder(const ModelIndex& index, at::ScalarType dtype,
                                              at::Device device) {
  weights::CheckpointSource source = index.source("vae", dtype, device);
  if (index.transformer->makes_video()) {
    return std::make_unique<VideoAutoencoder>(make_wan(index, source), dtype);
  }
  return std::make_unique<PictureAutoencoder>(make_kl(index, source), dtype);
}

void build_autoencoder(const ModelIndex& index, weights::ParameterSource& source) {
  if (index.transformer->makes_video()) {
    (void)make_wan(index, source);
  } else {
    (void)make_kl(index, source);
  }
}

}  // namespace zoetrope::pipeline
