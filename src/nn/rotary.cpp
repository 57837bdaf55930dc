#include "nn/rotary.h"

#include <ATen/ATen.h>

#include <numeric>

#include "base/status.h"

namespace zoetrope::nn {
namespace {

RotaryTable table_of(const at::Tensor& angle) {
  return {angle.cos().to(at::kFloat), angle.sin().to(at::kFloat)};
}

}  // namespace

RotaryTable rotary_table(const at::Tensor& positions, const std::vector<int64_t>& widths,
                         double theta) {
  base::require(positions.dim() == 3 && positions.size(2) == static_cast<int64_t>(widths.size()),
                "rotary: positions must be [batch, tokens, axes]");
  std::vector<at::Tensor> angles;
  for (size_t axis = 0; axis < widths.size(); ++axis) {
    const at::Tensor at = positions.select(2, static_cast<int64_t>(axis)).to(at::kDouble);
    const at::Tensor exponent =
        at::arange(0, widths[axis], 2, at.options()) / static_cast<double>(widths[axis]);
    angles.push_back(at.unsqueeze(-1) * at::pow(theta, -exponent));
  }
  return table_of(at::cat(angles, -1));
}

RotaryTable rotary_table(const at::Tensor& positions, const at::Tensor& frequencies) {
  return table_of(positions.to(at::kDouble).unsqueeze(-1) * frequencies.to(at::kDouble));
}

at::Tensor rotate(const at::Tensor& x, const RotaryTable& table, RotaryPairs pairs) {
  const at::Tensor wide = x.to(at::kFloat);
  const bool neighbours = pairs == RotaryPairs::kNeighbours;
  const at::Tensor pair = neighbours ? wide.unflatten(-1, {-1, 2}) : wide.unflatten(-1, {2, -1});
  const int64_t dim = neighbours ? -1 : -2;
  const at::Tensor a = pair.select(dim, 0), b = pair.select(dim, 1);
  const at::Tensor cosine = table.cosine.unsqueeze(-2), sine = table.sine.unsqueeze(-2);
  return at::stack({a * cosine - b * sine, a * sine + b * cosine}, dim).flatten(-2).to(x.dtype());
}

}  // namespace zoetrope::nn
