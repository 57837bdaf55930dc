#include "tensor/meta_kernels.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <ATen/OpMathType.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

namespace zoetrope::tensor {
namespace {

using at::Tensor;
using Optional = std::optional<Tensor>;

// Statistics of a norm.
Tensor statistics(const Tensor& x, at::IntArrayRef sizes) {
  return at::empty(sizes, x.options().dtype(at::toOpMathType(x.scalar_type())));
}

std::tuple<Tensor, Tensor, Tensor> layer_norm(const Tensor& x, at::IntArrayRef normalized,
                                              const Optional&, const Optional&, double) {
  const Tensor packed = x.contiguous();
  std::vector<int64_t> outer = x.sizes().vec();
  std::fill(outer.end() - static_cast<int64_t>(normalized.size()), outer.end(), 1);
  const Tensor y = at::empty_like(packed);
  return {y, statistics(x, outer), statistics(x, outer)};
}

std::tuple<Tensor, Tensor, Tensor> group_norm(const Tensor& x, const Optional&, const Optional&,
                                              int64_t n, int64_t, int64_t, int64_t groups, double) {
  return {at::empty_like(x), at::empty({n, groups}, x.options()),
          at::empty({n, groups}, x.options())};
}

// The memory order [b, n, heads, d] of the fused kernels, which also keep a row's logarithm of the
// sum.
std::tuple<Tensor, Tensor> attended(const Tensor& q, const Tensor& v) {
  return {at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, q.options()).transpose(1, 2),
          at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat))};
}

Tensor attention(const Tensor& q, const Tensor&, const Tensor& v, const Optional&, double, bool,
                 std::optional<double>, bool) {
  return std::get<0>(attended(q, v));
}

std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt, Tensor, Tensor, Tensor>
cudnn_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Optional&, bool statistics,
                double, bool, bool, std::optional<double>) {
  auto [y, sums] = attended(q, v);
  if (!statistics) sums = Tensor();
  return {y, sums, Tensor(), Tensor(), q.size(2), k.size(2), Tensor(), Tensor(), Tensor()};
}

Tensor convolution(const Tensor& x, const Tensor& weight, const Optional&, at::IntArrayRef stride,
                   at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                   at::IntArrayRef, int64_t) {
  TORCH_CHECK_NOT_IMPLEMENTED(!transposed, "a dry run of a transposed convolution");
  std::vector<int64_t> sizes = {x.size(0), weight.size(0)};
  for (size_t i = 0; i < stride.size(); ++i) {
    const auto axis = static_cast<int64_t>(i) + 2;
    const int64_t reach = dilation[i] * (weight.size(axis) - 1);
    sizes.push_back((x.size(axis) + 2 * padding[i] - reach - 1) / stride[i] + 1);
  }
  // In channels-last order where either is.
  at::MemoryFormat format = weight.suggest_memory_format();
  if (format == at::MemoryFormat::Contiguous) format = x.suggest_memory_format();
  const Tensor packed_x = x.contiguous(format), packed_weight = weight.contiguous(format);
  return at::empty(sizes, x.options(), format);
}

Tensor average_pool(const Tensor& x, at::IntArrayRef sizes) {
  std::vector<int64_t> all = x.sizes().vec();
  std::copy(sizes.begin(), sizes.end(), all.end() - 2);
  return at::empty(all, x.options());
}

Tensor absolute(const Tensor& x) { return at::empty_like(x); }

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  std::vector<int64_t> sizes = x.sizes().vec();
  if (!sizes.empty()) sizes[static_cast<size_t>(at::maybe_wrap_dim(dim, x.dim()))] = index.numel();
  return at::empty(sizes, x.options());
}

Tensor searchsorted(const Tensor&, const Tensor& x, bool narrow, bool,
                    std::optional<std::string_view>, const Optional&) {
  return at::empty(x.sizes(), x.options().dtype(narrow ? at::kInt : at::kLong));
}

Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  const auto sizes = at::infer_size(at::infer_size(condition.sizes(), x.sizes()), y.sizes());
  return at::empty(sizes, condition.options().dtype(at::result_type(x, y)));
}

Tensor logical_or(const Tensor& x, const Tensor& y) {
  return at::empty(at::infer_size(x.sizes(), y.sizes()), x.options().dtype(at::kBool));
}

Tensor scaled_product(const Tensor& a, const Tensor& b, const Tensor&, const Tensor&,
                      const Optional&, const Optional&, std::optional<at::ScalarType> dtype, bool) {
  return at::empty({a.size(0), b.size(1)}, a.options().dtype(dtype.value_or(a.scalar_type())));
}

Tensor batched_product(const Tensor& a, const Tensor& b, at::ScalarType dtype) {
  return at::empty({a.size(0), a.size(1), b.size(2)}, a.options().dtype(dtype));
}

// Rows in groups, each with a matrix of its own.
Tensor grouped_product(const Tensor& a, const Tensor& b, const Optional&, const Optional&,
                       std::optional<at::ScalarType> dtype) {
  return at::empty({a.size(0), b.size(-1)}, a.options().dtype(dtype.value_or(a.scalar_type())));
}

}  // namespace

void register_meta_kernels() {
  static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__,
                                __LINE__);
  library.impl("abs", absolute);
  library.impl("native_layer_norm", layer_norm);
  library.impl("native_group_norm", group_norm);
  library.impl("scaled_dot_product_attention", attention);
  library.impl("_scaled_dot_product_cudnn_attention", cudnn_attention);
  library.impl("convolution_overrideable", convolution);
  library.impl("_adaptive_avg_pool2d", average_pool);
  library.impl("index_select", index_select);
  library.impl("searchsorted.Tensor", searchsorted);
  library.impl("where.self", where);
  library.impl("logical_or", logical_or);
  library.impl("bmm.dtype", batched_product);
  library.impl("_grouped_mm", grouped_product);
  library.impl("_scaled_mm", scaled_product);
}

}  // namespace zoetrope::tensor
