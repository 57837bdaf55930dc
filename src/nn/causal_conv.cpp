#include "nn/causal_conv.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::nn {

using weights::Init;

CausalConv3d::CausalConv3d(const weights::Scope& scope, int64_t in, int64_t out, const Options& o)
    : options_(o), kept_(o.kernel[0] - o.frame_stride) {
  const Init init = Init::fan_in(in * o.kernel[0] * o.kernel[1] * o.kernel[2]);
  // In the memory order that the activations have.
  weight_ = scope.take("weight", {out, in, o.kernel[0], o.kernel[1], o.kernel[2]}, init)
                .contiguous(at::MemoryFormat::ChannelsLast3d);
  bias_ = scope.take("bias", {out}, init);
}

at::Tensor CausalConv3d::operator()(const at::Tensor& x, FrameCache& cache) const {
  at::Tensor seen = x;
  if (kept_ > 0) {
    at::Tensor& before = cache.next();
    if (!before.defined()) {
      before = at::zeros({x.size(0), kept_, x.size(2), x.size(3), x.size(4)}, x.options());
    }
    seen = at::cat({before, x}, 1);
    before = seen.slice(1, seen.size(1) - kept_).clone();  // a view would keep all of it
  }
  const auto [frames, height, width] = options_.kernel;
  return at::conv3d(seen.permute({0, 4, 1, 2, 3}), weight_, bias_, {options_.frame_stride, 1, 1},
                    {0, height / 2, width / 2})
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

void CausalConv3d::remember(const at::Tensor& x, FrameCache& cache) const {
  base::require(x.size(1) >= kept_, "causal convolution: fewer frames than it keeps");
  cache.next() = x.slice(1, x.size(1) - kept_).clone();
}

}  // namespace zoetrope::nn
