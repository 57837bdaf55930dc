#include "eval/frechet.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::eval {
namespace {

// Rounding leaves the eigenvalues of a singular matrix a little below zero.
at::Tensor roots(const at::Tensor& eigenvalues) { return eigenvalues.clamp_min(0).sqrt(); }

at::Tensor symmetric_root(const at::Tensor& matrix) {
  const auto [values, vectors] = at::linalg_eigh(matrix);
  return at::matmul(vectors * roots(values), vectors.t());
}

}  // namespace

Gaussian fit_gaussian(const at::Tensor& rows) {
  base::require(rows.dim() == 2 && rows.size(0) >= 2, "fit_gaussian: at least two rows needed");
  const at::Tensor x = rows.to(at::kDouble);
  const at::Tensor mean = x.mean(0), centred = x - mean;
  return {mean, at::matmul(centred.t(), centred) / (x.size(0) - 1)};
}

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  base::require(a.mean.sizes() == b.mean.sizes(), "frechet_distance: dimensions differ");
  const at::Tensor root = symmetric_root(a.covariance);
  const at::Tensor product = at::matmul(at::matmul(root, b.covariance), root);
  const at::Tensor cross = roots(at::linalg_eigvalsh((product + product.t()) / 2)).sum();
  const at::Tensor spread = a.covariance.trace() + b.covariance.trace() - 2 * cross;
  return ((a.mean - b.mean).square().sum() + spread).item<double>();
}

}  // namespace zoetrope::eval
