#include "ops/causal_conv.h"

#include <ATen/ATen.h>

#include "ops/activation.h"
#include "ops/ladder.h"
#include "ops/norm.h"
#include "ops/problems.h"
#include "tensor/dry_run.h"

namespace zoetrope::ops {

bool CausalConvProblem::grad() const {
  return needs_grad({&x, &w.weight, &w.bias, &fusion.norm_weight, &fusion.residual});
}

namespace {

at::Tensor causal_conv_aten(const CausalConvProblem& p) {
  const CausalConvFusion& f = p.fusion;
  at::Tensor x = p.x;
  if (f.norm_weight.defined()) {
    x = activate(rms_norm(x, f.norm_weight, f.norm_eps), Activation::kSilu);
  }
  if (const int64_t kept = p.w.kept(); kept > 0) {
    if (!p.before.defined()) {
      p.before = at::zeros({x.size(0), kept, x.size(2), x.size(3), x.size(4)}, x.options());
    }
    x = at::cat({p.before, x}, 1);
    p.before = x.slice(1, x.size(1) - kept).clone();  // a view would keep all of it
  }
  const at::Tensor& w = p.w.weight;
  const at::Tensor y = at::conv3d(x.permute({0, 4, 1, 2, 3}), w, p.w.bias, {p.w.frame_stride, 1, 1},
                                  {0, w.size(3) / 2, w.size(4) / 2})
                           .permute({0, 2, 3, 4, 1})
                           .contiguous();
  return f.residual.defined() ? y + f.residual : y;
}

Ladder<CausalConvProblem> causal_conv_ladder("causal_conv",
                                             {{"stacked", cuda::supports, cuda::causal_conv},
                                              {"aten", always, causal_conv_aten}});

}  // namespace

CausalConvWeight stacked_causal_conv(const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t taps = weight.size(2), in = weight.size(1);
  CausalConvWeight w{.weight = {}, .bias = bias, .frame_stride = 1, .stacked = {}};
  w.stacked = prepare_conv(weight.transpose(1, 2).flatten(1, 2), bias,
                           {{1, 1}, {weight.size(3) / 2, weight.size(4) / 2}, false});
  w.weight = w.stacked.weight.unflatten(1, {taps, in}).transpose(1, 2);
  return w;
}

CausalConvWeight prepare_causal_conv(const at::Tensor& weight, const at::Tensor& bias,
                                     int64_t frame_stride) {
  const bool over_frames = weight.size(2) > 1 && frame_stride == 1;
  if (tensor::stands_for(weight.device()).is_cuda() && over_frames && !weight.requires_grad()) {
    return stacked_causal_conv(weight, bias);
  }
  // In the memory order that the activations have.
  return {weight.contiguous(at::MemoryFormat::ChannelsLast3d), bias, frame_stride, {}};
}

at::Tensor causal_conv(const at::Tensor& x, const CausalConvWeight& weight, at::Tensor& before,
                       const CausalConvFusion& fusion) {
  return causal_conv_ladder({x, weight, before, fusion});
}

}  // namespace zoetrope::ops
