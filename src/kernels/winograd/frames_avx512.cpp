#include "kernels/winograd/frames_avx512.h"

#include "kernels/matmul/tile_avx512.h"
#include "kernels/winograd/transform_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int kPoints = 4;                 // elements of a transformed tile
constexpr int64_t kPositions = kTileRows;  // of one item, over all frames

int64_t blocks(const WinogradFrames& p) { return (p.positions + kPositions - 1) / kPositions; }

int64_t pairs(const WinogradFrames& p) { return p.frames / 2; }

struct Scratch {
  int64_t point_stride;  // between the points of `inputs`; off the powers of two
  float* strip;          // [frames + 2, positions of the item, 16]
  bf16* inputs;          // [4 points][pairs, positions, in]
  float* products;       // [4 points][positions, 32]

  Scratch(const WinogradFrames& p, void* memory)
      : point_stride(pairs(p) * kPositions * p.in + 32),
        strip(static_cast<float*>(memory)),
        inputs(reinterpret_cast<bf16*>(strip + (p.frames + 2) * kPositions * 16)),
        products(reinterpret_cast<float*>(inputs + kPoints * point_stride)) {}
};

// The positions an item works on.
struct Item {
  int64_t sample, first, count;
};

Item item_of(const WinogradFrames& p, int64_t item) {
  const int64_t first = item % blocks(p) * kPositions;
  const int64_t left = p.positions - first;
  return {item / blocks(p), first, left < kPositions ? left : kPositions};
}

// 16 channels of all frames, normalised, between a frame of zeros before and one after.
template <bool kSilu>
void normalise_strip(const WinogradFrames& p, const Item& item, int64_t channel, float* strip) {
  constexpr int64_t kFrame = kPositions * 16;
  const float* fold = p.fold + item.sample * 2 * p.in + channel;
  const __m512 gain = _mm512_loadu_ps(fold), offset = _mm512_loadu_ps(fold + p.in);
  for (int64_t i = 0; i < item.count; ++i) {
    _mm512_storeu_ps(strip + 16 * i, _mm512_setzero_ps());
    _mm512_storeu_ps(strip + (p.frames + 1) * kFrame + 16 * i, _mm512_setzero_ps());
  }
  for (int64_t f = 0; f < p.frames; ++f) {
    const bf16* x =
        p.x + ((item.sample * p.frames + f) * p.positions + item.first) * p.in + channel;
    for (int64_t i = 0; i < item.count; ++i) {
      __m512 z = _mm512_fmadd_ps(load(x + i * p.in), gain, offset);
      if (kSilu) z = _mm512_mul_ps(z, sigmoid(z));
      _mm512_storeu_ps(strip + (f + 1) * kFrame + 16 * i, z);
    }
  }
}

void transform_strip(const WinogradFrames& p, const Item& item, const Scratch& s, int64_t channel) {
  constexpr int64_t kFrame = kPositions * 16;
  for (int64_t pair = 0; pair < pairs(p); ++pair) {
    for (int64_t i = 0; i < item.count; ++i) {
      const float* d = s.strip + 2 * pair * kFrame + 16 * i;
      const Four u =
          transform_inputs(_mm512_loadu_ps(d), _mm512_loadu_ps(d + kFrame),
                           _mm512_loadu_ps(d + 2 * kFrame), _mm512_loadu_ps(d + 3 * kFrame));
      bf16* out = s.inputs + (pair * kPositions + i) * p.in + channel;
      for (int j = 0; j < kPoints; ++j) store(out + j * s.point_stride, u.v[j]);
    }
  }
}

// Two frames of one position and 16 columns.
void finish(const WinogradFrames& p, const float* products, int64_t at, int64_t column) {
  constexpr int64_t kPoint = kPositions * kPanel;
  const __mmask16 mask = first_of(p.out - column);
  const Four m = {{_mm512_loadu_ps(products), _mm512_loadu_ps(products + kPoint),
                   _mm512_loadu_ps(products + 2 * kPoint), _mm512_loadu_ps(products + 3 * kPoint)}};
  const __m512 bias = p.bias ? load(mask, p.bias + column) : _mm512_setzero_ps();
  const Two y = transform_products(m, bias);
  for (int i = 0; i < 2; ++i) {
    const int64_t to = (at + i * p.positions) * p.out + column;
    store(mask, p.y + to, p.residual ? _mm512_add_ps(y.v[i], load(mask, p.residual + to)) : y.v[i]);
  }
}

// R positions of one pair of frames, from `first` of the item on.
template <int R>
void block(const WinogradFrames& p, const Item& item, const Scratch& s, int64_t pair, int64_t first,
           int64_t panel) {
  const bf16* weight = p.weight + panel * kPoints * p.in * kPanel;
  const bf16* inputs = s.inputs + (pair * kPositions + first) * p.in;
  for (int i = 0; i < kPoints; ++i) {
    const Tile<R> t =
        multiply<R>(inputs + i * s.point_stride, p.in, weight + i * p.in * kPanel, p.in / 2);
    float* to = s.products + i * kPositions * kPanel;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      _mm512_storeu_ps(to + r * kPanel, t.v[r][0]);
      _mm512_storeu_ps(to + r * kPanel + 16, t.v[r][1]);
    }
  }
  const int64_t at = (item.sample * p.frames + 2 * pair) * p.positions + item.first + first;
  for (int r = 0; r < R; ++r) {
    for (int64_t half = 0; half < kPanel && panel * kPanel + half < p.out; half += 16) {
      finish(p, s.products + r * kPanel + half, at + r, panel * kPanel + half);
    }
  }
}

int64_t panels(int64_t out) { return (out + kPanel - 1) / kPanel; }

}  // namespace

int64_t packed_winograd_frames_size(int64_t in, int64_t out) {
  return panels(out) * kPoints * in * kPanel;
}

void pack_winograd_frames(const uint16_t* weight, int64_t in, int64_t out, uint16_t* packed) {
  for (int64_t column = 0; column < panels(out) * kPanel; ++column) {
    bf16* to = packed + column / kPanel * kPoints * in * kPanel + column % kPanel * 2;
    for (int64_t k = 0; k < in; ++k) {
      float g[3] = {}, u[kPoints];
      for (int i = 0; i < 3 && column < out; ++i) {
        g[i] = to_float(weight[(column * in + k) * 3 + i]);
      }
      transform_weights(g, u);
      for (int i = 0; i < kPoints; ++i) {
        to[(i * in + k / 2 * 2) * kPanel + k % 2] = to_bf16(u[i]);
      }
    }
  }
}

int64_t winograd_items(const WinogradFrames& p) { return p.n * blocks(p); }

int64_t winograd_scratch(const WinogradFrames& p) {
  const Scratch s(p, nullptr);
  return reinterpret_cast<int64_t>(s.products + kPoints * kPositions * kPanel);
}

void winograd(const WinogradFrames& p, int64_t index, void* scratch) {
  const Scratch s(p, scratch);
  const Item item = item_of(p, index);
  for (int64_t channel = 0; channel < p.in; channel += 16) {
    p.silu ? normalise_strip<true>(p, item, channel, s.strip)
           : normalise_strip<false>(p, item, channel, s.strip);
    transform_strip(p, item, s, channel);
  }
  for (int64_t panel = 0; panel < panels(p.out); ++panel) {
    for (int64_t pair = 0; pair < pairs(p); ++pair) {
      if (item.count == kPositions) {
        block<kPositions>(p, item, s, pair, 0, panel);
        continue;
      }
      for (int64_t i = 0; i < item.count; ++i) block<1>(p, item, s, pair, i, panel);
    }
  }
}

}  // namespace zoetrope::kernels::avx512
