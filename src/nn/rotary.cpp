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
  return ops::join_heads({{.x = x, .weight = {}}}, {table.cosine, table.sine, pairs});
}

}  // namespace zoetrope::nn
