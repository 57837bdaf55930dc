// A convolution with what follows it, as one cuDNN graph: y = conv(x, w) + bias + residual, in
// fp32 until the one rounding at the end. x [n, h, w, c], w [k, r, s, c], residual and
// y [n, h', w', k], all contiguous; bias [k].
//
// A plan is made for one shape, once: cuDNN chooses an engine and may compile it (tenths of a
// second). Running it allocates nothing and waits for nothing; it may run under graph capture.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <compare>
#include <cstdint>
#include <memory>

struct cudnnContext;

namespace zoetrope::kernels {

enum class ConvDtype { kBfloat16, kFloat16 };

struct FusedConvShape {
  int64_t n = 0, h = 0, w = 0, c = 0;
  int64_t k = 0;
  std::array<int64_t, 2> kernel = {1, 1}, stride = {1, 1}, padding = {0, 0};
  bool bias = false, residual = false;
  ConvDtype dtype = ConvDtype::kBfloat16;

  std::array<int64_t, 2> result_size() const {
    return {(h + 2 * padding[0] - kernel[0]) / stride[0] + 1,
            (w + 2 * padding[1] - kernel[1]) / stride[1] + 1};
  }
  auto operator<=>(const FusedConvShape&) const = default;
};

struct FusedConvPointers {
  const void *x, *w, *bias, *residual;  // null where the shape has none
  void* y;
  void* workspace;
};

class FusedConv {
 public:
  // Null where cuDNN has no engine for the shape. The handle's device is the plan's.
  static std::unique_ptr<FusedConv> make(cudnnContext* handle, const FusedConvShape& shape);
  ~FusedConv();
  FusedConv(const FusedConv&) = delete;

  int64_t workspace_bytes() const;
  // On the handle's stream; false where cuDNN refuses.
  bool run(cudnnContext* handle, const FusedConvPointers& pointers) const;

 private:
  struct Graph;
  explicit FusedConv(std::unique_ptr<Graph> graph);
  std::unique_ptr<Graph> graph_;
};

}  // namespace zoetrope::kernels
