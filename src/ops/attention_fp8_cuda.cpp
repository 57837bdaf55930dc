#include <ATen/ATen.h>

#include "kernels/quantise_heads/quantise_heads.h"
#include "ops/attention_fp8.h"
#include "ops/cuda_support.cuh"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;

kernels::HeadsShape shape_of(const Tensor& q) {
  return {.batch = q.size(0), .rows = q.size(1), .channels = q.size(2) * q.size(3)};
}

// A token's heads side by side, on 16-byte boundaries.
bool has_rows(const Tensor& t) {
  constexpr int64_t kVector = 8;
  return t.stride(3) == 1 && t.stride(2) == t.size(3) && t.stride(1) % kVector == 0 &&
         t.stride(0) % kVector == 0 && aligned(t);
}

kernels::RowView view_of(const Tensor& t) {
  return {t.const_data_ptr(), t.stride(0), t.stride(1), kernels::Dtype::kBfloat16};
}

}  // namespace

QuantisedHeads quantise_heads(const Tensor& q, const Tensor& k, const Tensor& v) {
  const DeviceGuard guard(q.device());
  const kernels::HeadsShape shape = shape_of(q);
  const auto rows_of = [](const Tensor& t) { return has_rows(t) ? t : t.contiguous(); };
  const Tensor rows[3] = {rows_of(q), rows_of(k), rows_of(v)};
  const auto floats = q.options().dtype(at::kFloat);
  const QuantisedHeads heads = {at::empty({3, q.size(0), q.size(1), q.size(2), q.size(3)},
                                          q.options().dtype(at::kFloat8_e4m3fn)),
                                at::empty({3, shape.batch, shape.channels}, floats),
                                at::empty({3 * shape.batch + 1, 2, kernels::kScaleFloats}, floats)};
  const Tensor workspace = at::empty({kernels::quantise_heads_workspace(shape)}, floats);
  check(kernels::quantise_heads({.shape = shape,
                                 .x = {view_of(rows[0]), view_of(rows[1]), view_of(rows[2])},
                                 .values = static_cast<unsigned char*>(heads.values.data_ptr()),
                                 .mean = heads.mean.mutable_data_ptr<float>(),
                                 .scales = heads.scales.mutable_data_ptr<float>(),
                                 .workspace = workspace.mutable_data_ptr<float>()},
                                current_stream()),
        "quantise_heads");
  return heads;
}

Tensor restore_heads(const Tensor& result, const QuantisedHeads& heads) {
  const DeviceGuard guard(result.device());
  const Tensor y = at::empty(result.sizes(), result.options().dtype(at::kBFloat16));
  check(
      kernels::restore_heads({.shape = shape_of(result),
                              .values = static_cast<const unsigned char*>(result.const_data_ptr()),
                              .mean = heads.mean.const_data_ptr<float>(),
                              .scales = heads.scales.const_data_ptr<float>(),
                              .y = y.data_ptr()},
                             current_stream()),
      "restore_heads");
  return y;
}

}  // namespace zoetrope::ops::cuda
