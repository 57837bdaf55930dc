// The Fréchet distance between two sets of feature vectors, each taken for a Gaussian: Heusel et
// al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017),
// equation 6, after Dowson and Landau (1982). Pure functions on the CPU, in fp64.
#pragma once

#include <ATen/core/Tensor.h>

namespace zoetrope::eval {

struct Gaussian {
  at::Tensor mean;        // fp64 [d]
  at::Tensor covariance;  // fp64 [d, d]
};

// Mean and unbiased covariance of rows [n, d], n >= 2.
Gaussian fit_gaussian(const at::Tensor& rows);

// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). Covariances may be singular. The root's trace is the
// sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric and has those of
// C1 C2, so that no root of a general matrix is needed.
double frechet_distance(const Gaussian& a, const Gaussian& b);

}  // namespace zoetrope::eval
