// LPIPS itself (Zhang et al. 2018, version 0.1, AlexNet), for those who have its weights: their
// licence and size keep them out of this repository. docs/evaluation.md says how to export them.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace zoetrope::eval {

// fp32 on one device; immutable.
class Lpips {
 public:
  // model.safetensors in `folder`: the state of the Python package's `lpips.LPIPS(net='alex')`, its
  // names and shapes ("net.slice1.0.weight", "lin0.model.1.weight", "scaling_layer.shift").
  static base::Result<Lpips> open(const std::filesystem::path& folder, at::Device device);

  // Activations of the five convolutions, each scaled to length 1 at every position. pictures:
  // u8 [n, h, w, 3], at least 63 pixels a side.
  std::vector<at::Tensor> features(const at::Tensor& pictures) const;

  // Mean over pictures of the distance of those with equal numbers.
  double distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) const;

 private:
  struct Layer {
    at::Tensor weight, bias;  // [out, in, k, k], [out]
    at::Tensor head;          // [1, out, 1, 1]
  };
  Lpips(at::Tensor shift, at::Tensor scale, std::vector<Layer> layers)
      : shift_(std::move(shift)), scale_(std::move(scale)), layers_(std::move(layers)) {}

  at::Tensor shift_, scale_;  // [1, 3, 1, 1]
  std::vector<Layer> layers_;
};

}  // namespace zoetrope::eval
