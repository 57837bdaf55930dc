// Convolutions as cuDNN graphs with the bias and the residual in the same pass: ATen adds a bias in
// a pass of its own, which costs as much as the convolution where there are few channels.
#include <ATen/ATen.h>
#include <ATen/cudnn/Handle.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "kernels/cudnn/fused_conv.h"
#include "kernels/enlarge/enlarge.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cudnn {
namespace {

using at::Tensor;
using kernels::FusedConv;
using kernels::FusedConvShape;

constexpr int64_t kVector = 8;  // elements of 16 bytes

// Plans by device and shape, made at first use and kept; null: cuDNN has none.
const FusedConv* plan_of(const FusedConvShape& shape, at::DeviceIndex device) {
  static std::mutex mutex;
  static std::map<std::pair<at::DeviceIndex, FusedConvShape>, std::unique_ptr<FusedConv>> plans;
  const std::lock_guard lock(mutex);
  const auto [place, fresh] = plans.try_emplace({device, shape});
  if (fresh) place->second = FusedConv::make(at::native::getCudnnHandle(), shape);
  return place->second.get();
}

FusedConvShape shape_of(const Tensor& x, const ConvWeight& w, const Tensor& residual) {
  return {.n = x.size(0),
          .h = x.size(1),
          .w = x.size(2),
          .c = x.size(3),
          .k = (w.weight.size(0) + kVector - 1) / kVector * kVector,
          .kernel = {w.weight.size(2), w.weight.size(3)},
          .stride = w.geometry.stride,
          .padding = w.geometry.padding,
          .bias = w.bias.defined(),
          .residual = residual.defined(),
          .dtype = x.scalar_type() == at::kHalf ? kernels::ConvDtype::kFloat16
                                                : kernels::ConvDtype::kBfloat16};
}

// cuDNN's fast engines read 16 bytes at a time.
bool suits(const Tensor& x, const ConvWeight& w, const Tensor& residual) {
  if (residual.defined() && (!cuda::packed(residual) || w.weight.size(0) % kVector != 0)) {
    return false;
  }
  const at::ScalarType dtype = x.scalar_type();
  return x.is_cuda() && (dtype == at::kBFloat16 || dtype == at::kHalf) && x.dim() == 4 &&
         w.weight.scalar_type() == dtype && cuda::packed(x) && x.size(3) % kVector == 0 &&
         w.weight.is_contiguous(at::MemoryFormat::ChannelsLast) && cuda::aligned(w.weight);
}

// The same with zeros as further output channels, up to whole vectors: a picture has three.
ConvWeight widened(const ConvWeight& w) {
  const int64_t more = (kVector - w.weight.size(0) % kVector) % kVector;
  if (more == 0) return w;
  ConvWeight wide = w;
  wide.weight = at::constant_pad_nd(w.weight, {0, 0, 0, 0, 0, 0, 0, more})
                    .contiguous(at::MemoryFormat::ChannelsLast);
  if (w.bias.defined()) wide.bias = at::constant_pad_nd(w.bias, {0, more});
  return wide;
}

Tensor run(const Tensor& x, const ConvWeight& w, const Tensor& residual) {
  const cuda::DeviceGuard guard(x.device());
  const FusedConvShape shape = shape_of(x, w, residual);
  const FusedConv* plan = plan_of(shape, x.device().index());
  const ConvWeight wide = widened(w);
  const auto [height, width] = shape.result_size();
  const Tensor y = at::empty({shape.n, height, width, shape.k}, x.options());
  const Tensor workspace = at::empty({plan->workspace_bytes()}, x.options().dtype(at::kByte));
  const auto pointer = [](const Tensor& t) { return t.defined() ? t.const_data_ptr() : nullptr; };
  if (!plan->run(at::native::getCudnnHandle(),
                 {pointer(x), pointer(wide.weight), pointer(wide.bias), pointer(residual),
                  y.data_ptr(), workspace.data_ptr()})) {
    throw base::Error(base::StatusCode::kInternal, "cuDNN refused a convolution it had planned");
  }
  return y.narrow(3, 0, w.weight.size(0)).contiguous();
}

bool has_plan(const Tensor& x, const ConvWeight& w, const Tensor& residual) {
  const cuda::DeviceGuard guard(x.device());
  return plan_of(shape_of(x, w, residual), x.device().index()) != nullptr;
}

// What p's convolution reads: x, or x enlarged.
Tensor input_of(const ConvProblem& p) {
  if (!p.enlarges()) return p.x;
  const cuda::DeviceGuard guard(p.x.device());
  const Tensor y = at::empty({p.x.size(0), p.height, p.width, p.x.size(3)}, p.x.options());
  const int64_t pixel_bytes = p.x.size(3) * static_cast<int64_t>(p.x.element_size());
  cuda::check(kernels::enlarge({p.x.size(0), p.x.size(1), p.x.size(2), p.height, p.width,
                                pixel_bytes / 16, p.x.const_data_ptr(), y.data_ptr()},
                               cuda::current_stream()),
              "enlarge");
  return y;
}

}  // namespace

bool supports(const ConvProblem& p) {
  if (p.grad() || !suits(p.x, p.w, p.residual)) return false;
  FusedConvShape shape = shape_of(p.x, p.w, p.residual);
  shape.h = p.height;
  shape.w = p.width;
  const cuda::DeviceGuard guard(p.x.device());
  return plan_of(shape, p.x.device().index()) != nullptr;
}

Tensor conv(const ConvProblem& p) { return run(input_of(p), p.w, p.residual); }

bool supports(const NormedConvProblem& p) {
  return !p.grad() && suits(p.x, p.w, p.residual) && has_plan(p.x, p.w, p.residual);
}

Tensor normed_conv(const NormedConvProblem& p) {
  return run(group_norm(p.x, p.norm), p.w, p.residual);
}

}  // namespace zoetrope::ops::cudnn
