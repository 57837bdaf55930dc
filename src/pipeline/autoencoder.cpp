#include "pipeline/autoencoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"
#include "pipeline/picture.h"
#include "tensor/dry_run.h"

namespace zoetrope::pipeline {
namespace {

using weights::Scope;

bool needs_tiles(const at::Tensor& latents, int64_t tile) {
  return tile != Autoencoder::kWhole && std::max(latents.size(1), latents.size(2)) > tile;
}

nn::Tiling tiling_of(int64_t tile) { return {.tile = tile, .overlap = tile / 4}; }

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

  at::Tensor decode(const at::Tensor& latents, int64_t tile,
                    const Progress& progress) const override {
    std::vector<at::Tensor> frames;
    const int64_t count = latents.size(0);
    for (int64_t i = 0; i < count; ++i) {
      if (progress) progress(i, count);
      const at::Tensor input = network_.denormalise(latents.narrow(0, i, 1)).to(dtype_);
      const at::Tensor frame = needs_tiles(latents, tile) ? network_.decode(input, tiling_of(tile))
                                                          : network_.decode(input);
      frames.push_back(tensor::to_host(to_bytes(frame)));
    }
    if (progress) progress(count, count);
    return at::cat(frames);
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

  at::Tensor decode(const at::Tensor& latents, int64_t tile,
                    const Progress& progress) const override {
    const int64_t count = latents.size(0);
    const int64_t of = 1 + (count - 1) * frame_multiple();
    const at::Tensor input = network_.denormalise(latents.unsqueeze(0)).to(dtype_);
    if (needs_tiles(latents, tile)) return decode_tiles(input, tile, of, progress);
    models::WanDecodeSession decoder(network_);
    std::vector<at::Tensor> frames;
    for (int64_t i = 0, done = 0; i < count; ++i) {
      if (progress) progress(done, of);
      frames.push_back(tensor::to_host(to_bytes(decoder.next(input.narrow(1, i, 1))[0])));
      done += frames.back().size(0);
    }
    if (progress) progress(of, of);
    return at::cat(frames);
  }

 private:
  // Each tile is decoded from the clip's first frame to its last.
  at::Tensor decode_tiles(const at::Tensor& latents, int64_t tile, int64_t of,
                          const Progress& progress) const {
    if (progress) progress(0, of);
    std::vector<at::Tensor> frames;
    for (const at::Tensor& frame : network_.decode(latents, tiling_of(tile))[0].split(1)) {
      frames.push_back(tensor::to_host(to_bytes(frame)));
    }
    if (progress) progress(of, of);
    return at::cat(frames);
  }

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

std::shared_ptr<const void> build_autoencoder(const ModelIndex& index,
                                              weights::ParameterSource& source) {
  return index.transformer->makes_video() ? held(make_wan(index, source))
                                          : held(make_kl(index, source));
}

}  // namespace zoetrope::pipeline
