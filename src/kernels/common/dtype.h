// Element types the kernels are built for. Torch-free, CUDA-free.
#pragma once

namespace zoetrope::kernels {

enum class Dtype { kFloat32, kBfloat16 };

// Elements of one 16-byte vector: every kernel loads and stores whole vectors.
constexpr int vector_width(Dtype dtype) { return dtype == Dtype::kBfloat16 ? 8 : 4; }

}  // namespace zoetrope::kernels
