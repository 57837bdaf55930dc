// A linear layer on bf16 rows with what stands around it: y = LayerNorm(x) W^T + bias + residual,
// or its GEGLU. Rows are worked off in blocks that stay in the first-level cache, so a LayerNorm
// before and an activation or sum after cost no pass over memory. Meant for weights that fit the
// second-level cache. Sums are fp32; a row's result does not depend on the rows beside it.
// Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

inline constexpr int64_t kLinearMaxNormedChannels = 1024;

// Elements of the packed form of a weight [out, in]; in even.
int64_t packed_linear_size(int64_t in, int64_t out);

// weight: [out, in] contiguous. gated: its rows are [values, gates], out / 2 a multiple of 16; a
// panel then holds 16 values and their gates.
void pack_linear(const uint16_t* weight, int64_t in, int64_t out, bool gated, uint16_t* packed);

struct Linear {
  int64_t in = 0;
  int64_t out = 0;  // of the product; y is half as wide if gated
  bool gated = false;
  const uint16_t* x = nullptr;         // [rows, in]
  const uint16_t* weight = nullptr;    // packed
  const uint16_t* bias = nullptr;      // [out] or null
  const uint16_t* residual = nullptr;  // [rows, width of y] or null
  uint16_t* y = nullptr;

  // LayerNorm of the rows of x, if norm_weight is given; in is then a multiple of 16, at most
  // kLinearMaxNormedChannels.
  const uint16_t* norm_weight = nullptr;  // [in]
  const uint16_t* norm_bias = nullptr;
  float eps = 1e-5f;
  // Added after it: row r takes position[(r / position_repeat) % positions].
  const uint16_t* position = nullptr;  // [positions, in] or null
  int64_t positions = 1;
  int64_t position_repeat = 1;
};

inline constexpr int64_t kLinearBlock = 8;  // rows that threads should share the work in

// Rows first .. last.
void linear(const Linear& p, int64_t first, int64_t last);

}  // namespace zoetrope::kernels::avx512
