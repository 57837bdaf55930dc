// A network at a size that people run, as data: configuration, latents, inputs. The files stand in
// bench/models; bench/peers reads them too, so that both sides do the same work.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensor/weight_format.h"
#include "weights/json_config.h"

namespace zoetrope::bench {

struct ModelCase {
  std::string name;              // "FLUX.1-dev 1024x1024"
  weights::JsonObject config;    // as in the component's config.json, with its _class_name
  int64_t rows = 1;              // of the batch
  std::vector<int64_t> latents;  // [f, h, w, c] of a row
  std::map<std::string, std::vector<int64_t>> inputs;  // of a denoiser: sizes of a row

  // Throws base::Error naming file and field.
  static ModelCase read(const std::filesystem::path& path);
};

// The case's network with random weights: a denoiser's forward pass, or an autoencoder's decoding.
struct Subject {
  int64_t weight_bytes = 0;
  std::function<at::Tensor()> eager;
  std::function<at::Tensor()> recorded;  // the same, recorded and replayed; null: never recorded
};
// `format`: of the linear layers of a denoiser's blocks.
Subject make_subject(const ModelCase& model, at::ScalarType dtype, tensor::WeightFormat format,
                     at::Device device);

}  // namespace zoetrope::bench
