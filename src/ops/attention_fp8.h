// Attention in fp8, in parts (internal to ops): what is asked, the tensors between the parts, and
// each part in ATen. docs/attention.md says what it costs.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "ops/problems.h"

namespace zoetrope::ops {

// Queries, keys and values as kernels/quantise_heads leaves them; a sample has scales of its own.
struct QuantisedHeads {
  at::Tensor values;  // float8_e4m3fn [3, b, n, heads, d]
  at::Tensor mean;    // fp32 [3, b, heads * d]: what was taken off; of the queries 0
  at::Tensor
      scales;  // fp32 [3 b + 1, 2, 4]: descale and scale, each first of four; last: softmax's
};

namespace fp8 {

// This thread asks for fp8 and the problem is one that gains by it, on whatever device.
bool wanted(const AttentionProblem& problem);

// On any device, in ATen: fp32 arithmetic on tensors rounded where a kernel rounds them. Supported
// on the CPU only, where nothing else measures what fp8 costs.
bool supports(const AttentionProblem& problem);
at::Tensor attention(const AttentionProblem& problem);

// Its parts. q, k, v [b, n, heads, d]; the result of the products [b, n, heads, d] is e4m3 and
// stands for values * descale + mean of the values.
QuantisedHeads quantise(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
at::Tensor products(const QuantisedHeads& heads);
at::Tensor restore(const at::Tensor& result, const QuantisedHeads& heads);

}  // namespace fp8

namespace cuda {
// The first and the last part as kernels, bf16. Rows that a kernel cannot read are copied.
QuantisedHeads quantise_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
at::Tensor restore_heads(const at::Tensor& result, const QuantisedHeads& heads);
}  // namespace cuda

namespace cudnn {
// What cuDNN answered when it was asked for a plan of such heads; empty: it has one.
std::string refusal(const at::Tensor& q);
// The products alone, for measuring.
at::Tensor products(const QuantisedHeads& heads);
}  // namespace cudnn

}  // namespace zoetrope::ops
