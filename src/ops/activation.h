// Pointwise activations, named as in diffusers' and transformers' configurations.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "ops/rows.h"

namespace zoetrope::ops {

enum class Activation { kNone, kSilu, kGelu, kQuickGelu, kGeluTanh };

// "silu" | "swish", "gelu", "quick_gelu", "gelu_new" |
// "gelu_pytorch_tanh" | "gelu-approximate". Throws base::Error(kUnimplemented) for other names.
Activation parse_activation(std::string_view name);

// Any shape and floating dtype.
at::Tensor activate(const at::Tensor& x, Activation activation);

// The same, in a format.
Rows activate(const at::Tensor& x, Activation activation, RowFormat format);

// SwiGLU (Shazeer, "GLU variants improve transformer"): the last dimension holds [gate, value],
// each c wide; silu(gate) * value in a format. [..., 2c] -> [..., c]
Rows swiglu(const at::Tensor& x, RowFormat format);

// GEGLU (Shazeer, "GLU variants improve transformer"): the last dimension holds [value, gate], each
// c wide; returns value * gelu(gate), exact (erf) gelu. [..., 2c] -> [..., c]
at::Tensor geglu(const at::Tensor& x);

}  // namespace zoetrope::ops
