#include "ops/quantised_weight.h"

#include <ATen/ATen.h>

#include "base/status.h"
#include "ops/ladder.h"
#include "ops/problems.h"
#include "ops/quantise.h"

namespace zoetrope::ops {
namespace {

constexpr double kLargestInt8 = 127;
constexpr double kLargestInt4 = 7;
constexpr int64_t kInt4Zero = 8;

struct Codes {
  at::Tensor values;  // [rows, c]
  at::Tensor scale;   // [rows]
};

// To a power of two: weights that have been rounded to fp8 before, as published checkpoints have
// them, stay what they are, and nothing is lost, since fp8 rounds relative to each value anyway.
Codes fp8_of(const at::Tensor& weight) {
  const at::Tensor largest = weight.abs().amax(-1).clamp_min(kSmallestScale);
  const at::Tensor scale = (largest / kLargestFp8).log2().ceil().exp2();
  return {(weight / scale.unsqueeze(-1)).to(at::kFloat8_e4m3fn), scale};
}

Codes round_rows(const at::Tensor& rows, double largest, at::ScalarType scale_dtype) {
  const at::Tensor scale =
      (rows.abs().amax(-1) / largest).clamp_min(kSmallestScale).to(scale_dtype);
  const at::Tensor codes = (rows / scale.to(at::kFloat).unsqueeze(-1)).round();
  return {codes.clamp(-largest, largest).to(at::kChar), scale};
}

// [out, in] -> [out, groups, kInt4Group], zeros behind the end.
at::Tensor in_groups(const at::Tensor& weight) {
  const int64_t ragged = weight.size(1) % kInt4Group;
  const int64_t missing = ragged == 0 ? 0 : kInt4Group - ragged;
  return at::constant_pad_nd(weight, {0, missing}).unflatten(1, {-1, kInt4Group});
}

Codes int4_of(const at::Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const Codes codes = round_rows(in_groups(weight), kLargestInt4, at::kBFloat16);
  const at::Tensor pairs =
      (codes.values.view({out, -1}).narrow(1, 0, in) + kInt4Zero).to(at::kByte).view({out, -1, 2});
  return {pairs.select(2, 0) + pairs.select(2, 1) * 16, codes.scale};
}

at::Tensor dequantise_aten(const DequantiseProblem& p) {
  const at::Tensor scale = p.w.scale.to(at::kFloat);
  if (p.w.format != WeightFormat::kInt4) {
    return (p.w.weight.to(at::kFloat) * scale.unsqueeze(1)).to(p.dtype);
  }
  const at::Tensor codes =
      at::stack({p.w.weight.bitwise_and(15), p.w.weight.bitwise_right_shift(4)}, -1).flatten(1);
  const at::Tensor wide = in_groups(codes.to(at::kFloat) - kInt4Zero) * scale.unsqueeze(2);
  return wide.flatten(1).narrow(1, 0, codes.size(1)).to(p.dtype).contiguous();
}

Ladder<DequantiseProblem> dequantise_ladder(
    "dequantise", {{"cuda", cuda::supports, cuda::dequantise},
                   {"aten", always, dequantise_aten},
                   {"reference", [](const DequantiseProblem& p) { return p.w.weight.is_cpu(); },
                    reference::dequantise}});

at::Tensor joined(const std::vector<LinearWeight>& parts, at::Tensor LinearWeight::*member) {
  std::vector<at::Tensor> tensors;
  for (const LinearWeight& part : parts) {
    if ((part.*member).defined()) tensors.push_back(part.*member);
  }
  return tensors.empty() ? at::Tensor() : at::cat(tensors);
}

}  // namespace

bool holds(WeightFormat format, int64_t out, int64_t in) {
  if (out == 0 || in == 0) return format == WeightFormat::kPlain;
  return format != WeightFormat::kInt4 || in % 2 == 0;
}

LinearWeight quantise(const LinearWeight& plain, WeightFormat format) {
  const at::Tensor& weight = plain.weight;
  base::require(
      plain.format == WeightFormat::kPlain && holds(format, weight.size(0), weight.size(1)),
      "a weight of this shape has no such format");
  LinearWeight w = plain;
  w.packed = at::Tensor();
  w.format = format;
  w.dtype = weight.scalar_type();
  const at::Tensor wide = weight.to(at::kFloat);
  const Codes codes = format == WeightFormat::kFp8    ? fp8_of(wide)
                      : format == WeightFormat::kInt4 ? int4_of(wide)
                                                      : round_rows(wide, kLargestInt8, at::kFloat);
  w.weight = codes.values;
  w.scale = codes.scale;
  return w;
}

at::Tensor dequantise(const LinearWeight& weight, at::ScalarType dtype) {
  if (weight.format == WeightFormat::kPlain) return weight.weight.to(dtype);
  if (weight.weight.is_meta()) {  // only its size is asked for
    return at::empty({weight.weight.size(0), weight.in_features()},
                     weight.weight.options().dtype(dtype));
  }
  return dequantise_ladder({weight, dtype});
}

LinearWeight join_linears(const std::vector<LinearWeight>& parts) {
  if (parts.size() == 1) return parts.front();
  LinearWeight all = parts.front();
  all.weight = joined(parts, &LinearWeight::weight);
  all.bias = joined(parts, &LinearWeight::bias);
  all.scale = joined(parts, &LinearWeight::scale);
  all.packed = at::Tensor();
  return all;
}

}  // namespace zoetrope::ops
