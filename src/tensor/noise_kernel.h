// The raw launchers behind noise.h: no torch, no allocation, no synchronisation. Also the one place
// that says which of the two maps an element uses, for the CPU loop and the kernel alike.
#pragma once

#include <cstdint>

#include "base/philox.h"

struct CUstream_st;

namespace zoetrope::tensor {

enum class NoiseKind { kGaussian, kUniform };

struct NoiseKey {
  uint64_t seed;
  uint64_t stream;
};

template <NoiseKind kKind>
ZT_HOST_DEVICE inline float noise_at(NoiseKey key, uint64_t index) {
  if constexpr (kKind == NoiseKind::kGaussian) {
    return base::normal_at(key.seed, key.stream, index);
  } else {
    // Rounding to fp32 can reach 1, which the open interval excludes.
    const float value = static_cast<float>(base::uniform_at(key.seed, key.stream, index));
    const float below_one = 1.0f - 1.0f / 16777216.0f;
    return value < below_one ? value : below_one;
  }
}

// Fills out[0, n) with elements first .. first + n of the stream. `device_key`, when not null, is
// two device words (seed, stream) that replace `key` when the kernel runs. Returns a cudaError_t.
struct NoiseLaunch {
  float* out;
  int64_t n;
  uint64_t first;
  NoiseKey key;
  const uint64_t* device_key;
};
int launch_noise(NoiseKind kind, const NoiseLaunch& launch, CUstream_st* stream);

}  // namespace zoetrope::tensor
