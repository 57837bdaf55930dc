#include "nn/causal_conv.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::nn {

using weights::Init;

CausalConv3d::CausalConv3d(const weights::Scope& scope, int64_t in, int64_t out, const Options& o) {
  const Init init = Init::fan_in(in * o.kernel[0] * o.kernel[1] * o.kernel[2]);
  const at::Tensor weight =
      scope.take("weight", {out, in, o.kernel[0], o.kernel[1], o.kernel[2]}, init);
  weight_ = ops::prepare_causal_conv(weight, scope.take("bias", {out}, init), o.frame_stride);
}

at::Tensor CausalConv3d::operator()(const at::Tensor& x, FrameCache& cache,
                                    const ops::CausalConvFusion& fusion) const {
  at::Tensor none;
  return ops::causal_conv(x, weight_, weight_.kept() > 0 ? cache.next() : none, fusion);
}

void CausalConv3d::remember(const at::Tensor& x, FrameCache& cache) const {
  const int64_t kept = weight_.kept();
  base::require(x.size(1) >= kept, "causal convolution: fewer frames than it keeps");
  cache.next() = x.slice(1, x.size(1) - kept).clone();
}

}  // namespace zoetrope::nn
