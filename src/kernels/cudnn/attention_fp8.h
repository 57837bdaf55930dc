// Attention in e4m3 as a cuDNN graph: y = softmax(q k^T / sqrt(d)) v of one sample, q, k, v and y
// [rows, heads, d] contiguous e4m3, both products in fp8 with fp32 sums. Every tensor has one
// scale, an fp32 number on the device; so do the softmax's weights between the products.
//
// On Hopper the result is e4m3 too: cuDNN writes 16 bits from fp8 on Blackwell only.
//
// A plan is made for one shape, once. Running it allocates nothing and waits for nothing; it may
// run under graph capture.
#pragma once

#include <cuda_runtime_api.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

struct cudnnContext;

namespace zoetrope::kernels {

struct Fp8AttentionShape {
  int64_t rows = 0, heads = 0, d = 0;
  auto operator<=>(const Fp8AttentionShape&) const = default;
};

struct Fp8AttentionPointers {
  const void *q, *k, *v;
  void* y;
  const float *descale_q, *descale_k, *descale_v;
  const float *descale_softmax, *scale_softmax;  // of weights in [0, 1]
  const float* scale_y;
  void* workspace;  // 16-byte aligned
};

class Fp8Attention {
 public:
  // Null where cuDNN has no engine for the shape; `why` then says what it answered. The handle's
  // device is the plan's.
  static std::unique_ptr<Fp8Attention> make(cudnnContext* handle, const Fp8AttentionShape& shape,
                                            std::string* why);
  ~Fp8Attention();
  Fp8Attention(const Fp8Attention&) = delete;

  int64_t workspace_bytes() const;
  // On the handle's stream; false where cuDNN refuses.
  bool run(cudnnContext* handle, const Fp8AttentionPointers& pointers) const;

 private:
  struct Graph;
  explicit Fp8Attention(std::unique_ptr<Graph> graph);
  std::unique_ptr<Graph> graph_;
};

}  // namespace zoetrope::kernels
