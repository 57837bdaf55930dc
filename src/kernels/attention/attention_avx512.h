// Scaled dot-product attention of one head on the CPU, bf16 in and out, with the processor's bf16
// dot products; softmax in fp32, over keys block by block (FlashAttention's online form). A query's
// result does not depend on the queries beside it. Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

// Rows of d contiguous elements, `*_stride` elements apart. d a multiple of 32.
struct AttentionKeys {
  const uint16_t* k = nullptr;  // [count, d]
  const uint16_t* v = nullptr;  // [count, d]
  int64_t k_stride = 0;
  int64_t v_stride = 0;
  int64_t count = 0;
};

struct AttentionHead {
  const uint16_t* q = nullptr;  // [nq, d]
  uint16_t* out = nullptr;      // [nq, d]
  int64_t q_stride = 0;
  int64_t out_stride = 0;
  int64_t nq = 0;
  int64_t d = 0;
  float scale = 1;        // positive
  AttentionKeys keys[2];  // two sets that need not lie together; the second may be empty
};

// Bytes of scratch memory one call needs, on a 64-byte boundary.
int64_t attention_scratch(const AttentionHead& p);

void attention(const AttentionHead& p, void* scratch);

}  // namespace zoetrope::kernels::avx512
