// What the ladders choose by, and the variants of each op (internal to ops; callers use norm.h,
// activation.h and so on). Problems refer to the caller's tensors and live for one call.
#pragma once

#include <string>

#include "ops/attention.h"
#include "ops/causal_conv.h"
#include "ops/conv.h"
#include "ops/linear.h"
#include "ops/meter.h"
#include "ops/norm.h"

namespace zoetrope::ops {

struct GroupNormProblem {
  const at::Tensor& x;
  const GroupNormParameters& p;
  bool grad() const;
};

struct LayerNormProblem {
  const at::Tensor& x;
  const at::Tensor& weight;
  const at::Tensor& bias;
  double eps;
  bool grad() const;
};

struct GegluProblem {
  const at::Tensor& x;
  bool grad() const;
};

struct LinearProblem {
  const at::Tensor& x;
  const at::Tensor& row_scale;  // of quantised rows; else undefined
  const LinearWeight& w;
  const LinearFusion& fusion;
  bool grad() const;
};

// A quantised weight in a floating-point dtype.
struct DequantiseProblem {
  const LinearWeight& w;
  at::ScalarType dtype;
};

struct ConvProblem {
  const at::Tensor& x;
  const ConvWeight& w;
  int64_t height, width;  // that x is enlarged to first
  const at::Tensor& residual;
  bool enlarges() const { return height != x.size(1) || width != x.size(2); }
  bool grad() const;
};

struct CausalConvProblem {
  const at::Tensor& x;
  const CausalConvWeight& w;
  at::Tensor& before;
  const CausalConvFusion& fusion;
  bool grad() const;
};

struct NormedConvProblem {
  const at::Tensor& x;
  const GroupNormParameters& norm;
  const ConvWeight& w;
  const at::Tensor& residual;
  bool grad() const;
};

struct AttentionProblem {
  const at::Tensor& q;
  const at::Tensor& k;
  const at::Tensor& v;
  const AttentionMask& mask;
  const SharedKeys& shared;  // undefined tensors: none
  bool grad() const;
};

// Either `qkv` [b, f, p, 3, heads, d], or q, k and v [b, f, p, heads, d] each.
struct TemporalAttentionProblem {
  at::Tensor q, k, v;
  at::Tensor qkv;
  bool grad() const;
};

// cuDNN's graphs, 16-bit, forward only. Builds without its headers link no_cudnn.cpp, where nothing
// is supported.
namespace cudnn {
bool supports(const ConvProblem& problem);
bool supports(const NormedConvProblem& problem);
bool supports(const AttentionProblem& problem);  // in fp8, where that is asked for
at::Tensor conv(const ConvProblem& problem);
at::Tensor normed_conv(const NormedConvProblem& problem);
at::Tensor attention(const AttentionProblem& problem);
}  // namespace cudnn

// For a Meter (ladder.h).
Work work_of(const LinearProblem& problem, const at::Tensor& result);
Work work_of(const ConvProblem& problem, const at::Tensor& result);
Work work_of(const NormedConvProblem& problem, const at::Tensor& result);
Work work_of(const CausalConvProblem& problem, const at::Tensor& result);
Work work_of(const AttentionProblem& problem, const at::Tensor& result);
std::string shapes_of(const LinearProblem& problem, const at::Tensor& result);
std::string shapes_of(const ConvProblem& problem, const at::Tensor& result);
std::string shapes_of(const NormedConvProblem& problem, const at::Tensor& result);
std::string shapes_of(const CausalConvProblem& problem, const at::Tensor& result);
std::string shapes_of(const AttentionProblem& problem, const at::Tensor& result);

// Plain loops in fp64 on the CPU, any floating dtype, no derivative: what the others are tested by.
namespace reference {
at::Tensor group_norm(const GroupNormProblem& problem);
at::Tensor layer_norm(const LayerNormProblem& problem);
at::Tensor geglu(const GegluProblem& problem);
at::Tensor linear(const LinearProblem& problem);
at::Tensor dequantise(const DequantiseProblem& problem);
at::Tensor conv(const ConvProblem& problem);
at::Tensor normed_conv(const NormedConvProblem& problem);
at::Tensor attention(const AttentionProblem& problem);
at::Tensor temporal_attention(const TemporalAttentionProblem& problem);
}  // namespace reference

// Own bf16 code for CPUs with AVX-512 BF16, forward only. Threads share the work through
// at::parallel_for; their number does not change a byte.
namespace avx512 {
bool supports(const GroupNormProblem& problem);
bool supports(const LayerNormProblem& problem);
bool supports(const GegluProblem& problem);
bool supports(const LinearProblem& problem);
bool supports(const ConvProblem& problem);
bool supports(const NormedConvProblem& problem);
bool supports(const AttentionProblem& problem);
bool supports(const TemporalAttentionProblem& problem);
at::Tensor group_norm(const GroupNormProblem& problem);
at::Tensor layer_norm(const LayerNormProblem& problem);
at::Tensor geglu(const GegluProblem& problem);
at::Tensor linear(const LinearProblem& problem);
at::Tensor conv(const ConvProblem& problem);
at::Tensor normed_conv(const NormedConvProblem& problem);
at::Tensor attention(const AttentionProblem& problem);
at::Tensor temporal_attention(const TemporalAttentionProblem& problem);

// Weights in the form that linear and the convolutions want; undefined where those will not run.
at::Tensor packed(const LinearWeight& weight);
at::Tensor packed(const ConvWeight& weight);
}  // namespace avx512

// Own CUDA kernels (src/kernels), bf16 and fp32, with derivatives. Builds without CUDA link
// cpu_only.cpp, where nothing is supported.
namespace cuda {
bool supports(const GroupNormProblem& problem);
bool supports(const LayerNormProblem& problem);
bool supports(const GegluProblem& problem);
bool supports(const CausalConvProblem& problem);
bool supports(const DequantiseProblem& problem);
bool supports(const TemporalAttentionProblem& problem);
at::Tensor group_norm(const GroupNormProblem& problem);
at::Tensor layer_norm(const LayerNormProblem& problem);
at::Tensor geglu(const GegluProblem& problem);
at::Tensor causal_conv(const CausalConvProblem& problem);
at::Tensor dequantise(const DequantiseProblem& problem);
at::Tensor temporal_attention(const TemporalAttentionProblem& problem);
}  // namespace cuda

// Products through cuBLASLt, without derivatives, of bf16, fp16 and fp8 rows with a weight to
// match; GEGLU and what stands before the product are the caller's. A row's bytes do not depend on
// the other rows. Builds without CUDA link cublaslt_cpu_only.cpp.
namespace cublaslt {
bool supports(const LinearProblem& problem);
// Undefined, and nothing written, where the library refuses after all.
at::Tensor linear(const LinearProblem& problem);
}  // namespace cublaslt

}  // namespace zoetrope::ops
