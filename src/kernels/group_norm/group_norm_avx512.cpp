#include "kernels/group_norm/group_norm_avx512.h"

#include "kernels/common/avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int64_t kChunk = 64;  // positions: 16 KiB of 128 channels, half of the first-level cache

struct Range {
  int64_t first, last;
};

Range range_of(const GroupNorm& p, int64_t chunk) {
  const int64_t first = chunk * kChunk;
  const int64_t last = first + kChunk;
  return {first, last < p.positions ? last : p.positions};
}

// Sums of (x - pivot) and its square over the positions of one chunk, for 16 * N channels.
template <int N>
void partial_strip(const bf16* x, const bf16* pivots, int64_t channels, Range range, float* sums,
                   float* squares) {
  __m512 pivot[N], sum[N], square[N];
  for (int i = 0; i < N; ++i) {
    pivot[i] = load(pivots + 16 * i);
    sum[i] = square[i] = _mm512_setzero_ps();
  }
  for (int64_t at = range.first; at < range.last; ++at) {
    for (int i = 0; i < N; ++i) {
      const __m512 d = _mm512_sub_ps(load(x + at * channels + 16 * i), pivot[i]);
      sum[i] = _mm512_add_ps(sum[i], d);
      square[i] = _mm512_fmadd_ps(d, d, square[i]);
    }
  }
  for (int i = 0; i < N; ++i) {
    _mm512_storeu_ps(sums + 16 * i, sum[i]);
    _mm512_storeu_ps(squares + 16 * i, square[i]);
  }
}

template <bool kSilu, int N>
void apply_strip(const bf16* x, bf16* y, const float* gains, const float* offsets, int64_t channels,
                 Range range) {
  __m512 gain[N], offset[N];
  for (int i = 0; i < N; ++i) {
    gain[i] = _mm512_loadu_ps(gains + 16 * i);
    offset[i] = _mm512_loadu_ps(offsets + 16 * i);
  }
  for (int64_t at = range.first; at < range.last; ++at) {
    for (int i = 0; i < N; ++i) {
      const __m512 z = _mm512_fmadd_ps(load(x + at * channels + 16 * i), gain[i], offset[i]);
      store(y + at * channels + 16 * i, kSilu ? _mm512_mul_ps(z, sigmoid(z)) : z);
    }
  }
}

template <bool kSilu>
void apply_chunk(const GroupNorm& p, int64_t sample, int64_t chunk) {
  const Range range = range_of(p, chunk);
  const int64_t base = sample * p.positions * p.channels;
  const float* gain = p.fold + sample * 2 * p.channels;
  const float* offset = gain + p.channels;
  int64_t c = 0;
  for (; c + 64 <= p.channels; c += 64) {
    apply_strip<kSilu, 4>(p.x + base + c, p.y + base + c, gain + c, offset + c, p.channels, range);
  }
  for (; c < p.channels; c += 16) {
    apply_strip<kSilu, 1>(p.x + base + c, p.y + base + c, gain + c, offset + c, p.channels, range);
  }
}

struct Moments {
  float mean, rstd;
};

// Of one group, from its channels' means and squared deviations (Chan's rule).
Moments moments_of(const float* mean, const float* square, int64_t width, float count, float eps) {
  float centre = 0;
  for (int64_t c = 0; c < width; ++c) centre += mean[c] - mean[0];
  centre = mean[0] + centre / static_cast<float>(width);
  float squares = 0;
  for (int64_t c = 0; c < width; ++c) {
    const float d = mean[c] - centre;
    squares += square[c] + count * d * d;
  }
  const float variance = squares / (count * static_cast<float>(width));
  return {centre, 1.0f / __builtin_sqrtf((variance > 0 ? variance : 0) + eps)};
}

}  // namespace

int64_t group_norm_chunks(const GroupNorm& p) { return (p.positions + kChunk - 1) / kChunk; }

void group_norm_partial(const GroupNorm& p, int64_t sample, int64_t chunk) {
  const bf16* x = p.x + sample * p.positions * p.channels;
  float* sums = p.partial + (sample * group_norm_chunks(p) + chunk) * 2 * p.channels;
  float* squares = sums + p.channels;
  const Range range = range_of(p, chunk);
  int64_t c = 0;
  for (; c + 64 <= p.channels; c += 64) {
    partial_strip<4>(x + c, x + c, p.channels, range, sums + c, squares + c);
  }
  for (; c < p.channels; c += 16) {
    partial_strip<1>(x + c, x + c, p.channels, range, sums + c, squares + c);
  }
}

void group_norm_fold(const GroupNorm& p, int64_t sample) {
  const int64_t chunks = group_norm_chunks(p);
  const bf16* pivot = p.x + sample * p.positions * p.channels;
  const float* partial = p.partial + sample * chunks * 2 * p.channels;
  const __m512 count = _mm512_set1_ps(static_cast<float>(p.positions));
  // The channels' means and squared deviations, where gain and offset will be.
  float* first = p.fold + sample * 2 * p.channels;
  float* second = first + p.channels;
  for (int64_t c = 0; c < p.channels; c += 16) {
    __m512 sum = _mm512_setzero_ps(), square = _mm512_setzero_ps();
    for (int64_t i = 0; i < chunks; ++i) {
      sum = _mm512_add_ps(sum, _mm512_loadu_ps(partial + 2 * i * p.channels + c));
      square = _mm512_add_ps(square, _mm512_loadu_ps(partial + (2 * i + 1) * p.channels + c));
    }
    const __m512 shift = _mm512_div_ps(sum, count);
    _mm512_storeu_ps(first + c, _mm512_add_ps(load(pivot + c), shift));
    _mm512_storeu_ps(second + c, _mm512_fnmadd_ps(sum, shift, square));
  }
  const int64_t width = p.channels / p.groups;
  for (int64_t g = 0; g < p.groups; ++g) {
    const Moments m = moments_of(first + g * width, second + g * width, width,
                                 static_cast<float>(p.positions), p.eps);
    for (int64_t c = g * width; c < (g + 1) * width; ++c) {
      float gain = m.rstd * to_float(p.weight[c]);
      float offset = to_float(p.bias[c]) - m.mean * gain;
      if (p.scale) {
        const float scale = 1 + to_float(p.scale[sample * p.modulation_stride + c]);
        gain *= scale;
        offset = offset * scale + to_float(p.shift[sample * p.modulation_stride + c]);
      }
      first[c] = gain;
      second[c] = offset;
    }
  }
}

void group_norm_apply(const GroupNorm& p, int64_t sample, int64_t chunk) {
  p.silu ? apply_chunk<true>(p, sample, chunk) : apply_chunk<false>(p, sample, chunk);
}

}  // namespace zoetrope::kernels::avx512
