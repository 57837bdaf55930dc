#include "eval/lpips.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>

#include "pipeline/picture.h"
#include "weights/checkpoint.h"

namespace zoetrope::eval {
namespace {

// AlexNet's convolutions: where they stand in the file, and what is not in a weight's shape. The
// number of channels is; a pooling stands before the second and the third.
struct Convolution {
  const char* name;
  int64_t kernel, stride, padding;
  bool pool_before;
};
constexpr std::array<Convolution, 5> kAlexNet = {{{"net.slice1.0", 11, 4, 2, false},
                                                  {"net.slice2.3", 5, 1, 2, true},
                                                  {"net.slice3.6", 3, 1, 1, true},
                                                  {"net.slice4.8", 3, 1, 1, false},
                                                  {"net.slice5.10", 3, 1, 1, false}}};

}  // namespace

base::Result<Lpips> Lpips::open(const std::filesystem::path& folder, at::Device device) {
  const std::string path = (folder / "model.safetensors").string();
  ZT_ASSIGN_OR_RETURN(auto checkpoint, weights::Checkpoint::open(path));
  weights::CheckpointSource source(checkpoint, at::kFloat, device);
  const auto take = [&](const std::string& name, std::vector<int64_t> shape) {
    return source.take(name, shape, {});
  };
  try {
    std::vector<Layer> layers;
    int64_t in = 3;
    for (size_t i = 0; i < kAlexNet.size(); ++i) {
      const Convolution& at = kAlexNet[i];
      const std::string bias = std::string(at.name) + ".bias";
      if (!checkpoint.has(bias) || checkpoint.entry(bias).shape.size() != 1) {
        return base::data_loss(fmt::format("{}: '{}' is missing or not a list", path, bias));
      }
      const int64_t out = checkpoint.entry(bias).shape[0];
      layers.push_back({take(std::string(at.name) + ".weight", {out, in, at.kernel, at.kernel}),
                        take(bias, {out}),
                        take(fmt::format("lin{}.model.1.weight", i), {1, out, 1, 1})});
      in = out;
    }
    return Lpips(take("scaling_layer.shift", {1, 3, 1, 1}),
                 take("scaling_layer.scale", {1, 3, 1, 1}), std::move(layers));
  } catch (const base::Error& error) {
    return error.status();
  }
}

std::vector<at::Tensor> Lpips::features(const at::Tensor& pictures) const {
  at::Tensor x = pipeline::to_signed(pictures.to(shift_.device())).permute({0, 3, 1, 2});
  x = (x - shift_) / scale_;
  std::vector<at::Tensor> found;
  for (size_t i = 0; i < kAlexNet.size(); ++i) {
    const Convolution& at = kAlexNet[i];
    if (at.pool_before) x = at::max_pool2d(x, {3, 3}, {2, 2});
    x = at::conv2d(x, layers_[i].weight, layers_[i].bias, at.stride, at.padding).relu();
    found.push_back(x / (x.square().sum(1, true).sqrt() + 1e-10));
  }
  return found;
}

double Lpips::distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) const {
  double sum = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const at::Tensor difference = (a[i] - b[i]).square();
    sum += (difference * layers_[i].head).sum(1).to(at::kDouble).mean().item<double>();
  }
  return sum;
}

}  // namespace zoetrope::eval
