#include "kernels/winograd/winograd_avx512.h"

#include "kernels/matmul/tile_avx512.h"
#include "kernels/winograd/transform_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int kPoints = 16;            // elements of a transformed tile
constexpr int64_t kItemTiles = 64;     // tiles of one item: their transform stays in the L2 cache
constexpr int64_t kPointPadding = 32;  // keeps the points of a tile off each other's cache lines

// The tiles of a picture lie in rows; an item is a run of such rows, over pictures' ends.
int64_t tile_rows(const Winograd& p) { return p.n * (p.height / 2); }
int64_t tiles_across(const Winograd& p) { return p.width / 2; }

int64_t item_rows(const Winograd& p) {
  const int64_t rows = kItemTiles / tiles_across(p);
  return rows > 0 ? rows : 1;
}

struct Scratch {
  int64_t point_stride;  // between the points of `inputs`
  float* strip;          // [2 rows + 2, width + 2, 16]: 16 channels of the item, normalised
  bf16* inputs;          // [16 points][tiles, in]
  float* products;       // [16 points][8 tiles, 32]

  Scratch(const Winograd& p, void* memory)
      : point_stride(item_rows(p) * tiles_across(p) * p.in + kPointPadding),
        strip(static_cast<float*>(memory)),
        inputs(reinterpret_cast<bf16*>(strip + (2 * item_rows(p) + 2) * (p.width + 2) * 16)),
        products(reinterpret_cast<float*>(inputs + kPoints * point_stride)) {}
};

// Consecutive tile rows of one picture.
struct Run {
  int64_t picture;
  int64_t row;    // the first of them within the picture
  int64_t count;  // of them
  int64_t tile;   // the first tile's place within the item
};

// Calls f(Run) for the pictures an item touches.
template <class F>
void for_runs(const Winograd& p, int64_t item, F f) {
  const int64_t first = item * item_rows(p), height = p.height / 2;
  int64_t last = first + item_rows(p);
  if (last > tile_rows(p)) last = tile_rows(p);
  for (int64_t row = first; row < last;) {
    const int64_t picture = row / height, within = row % height;
    const int64_t count = height - within < last - row ? height - within : last - row;
    f(Run{picture, within, count, (row - first) * tiles_across(p)});
    row += count;
  }
}

// Rows of pixels the run's tiles see, with the zeros around the picture.
template <bool kSilu>
void normalise_strip(const Winograd& p, const Run& run, int64_t channel, float* strip) {
  const float* fold = p.fold + run.picture * 2 * p.in + channel;
  const __m512 gain = _mm512_loadu_ps(fold), offset = _mm512_loadu_ps(fold + p.in);
  const __m512 zero = _mm512_setzero_ps();
  for (int64_t i = 0; i < 2 * run.count + 2; ++i, strip += (p.width + 2) * 16) {
    const int64_t y = 2 * run.row - 1 + i;
    const bool inside = y >= 0 && y < p.height;
    const bf16* x = p.x + (run.picture * p.height + (inside ? y : 0)) * p.width * p.in + channel;
    _mm512_storeu_ps(strip, zero);
    _mm512_storeu_ps(strip + (p.width + 1) * 16, zero);
    for (int64_t j = 0; j < p.width; ++j) {
      __m512 z = zero;
      if (inside) {
        z = _mm512_fmadd_ps(load(x + j * p.in), gain, offset);
        if (kSilu) z = _mm512_mul_ps(z, sigmoid(z));
      }
      _mm512_storeu_ps(strip + (j + 1) * 16, z);
    }
  }
}

// A column of 4 pixels below `pixel`, `stride` apart.
Four column(const float* pixel, int64_t stride) {
  return transform_inputs(_mm512_loadu_ps(pixel), _mm512_loadu_ps(pixel + stride),
                          _mm512_loadu_ps(pixel + 2 * stride), _mm512_loadu_ps(pixel + 3 * stride));
}

// B^T d B of every tile of the run, for the 16 channels of the strip.
void transform_strip(const Winograd& p, const Run& run, const Scratch& s, int64_t channel) {
  const int64_t stride = (p.width + 2) * 16;
  for (int64_t row = 0; row < run.count; ++row) {
    const float* pixel = s.strip + 2 * row * stride;
    bf16* out = s.inputs + (run.tile + row * tiles_across(p)) * p.in + channel;
    Four left = column(pixel, stride), centre = column(pixel + 16, stride);
    for (int64_t tile = 0; tile < tiles_across(p); ++tile, out += p.in) {
      pixel += 32;
      const Four right = column(pixel, stride), last = column(pixel + 16, stride);
      for (int i = 0; i < 4; ++i) {
        const Four u = transform_inputs(left.v[i], centre.v[i], right.v[i], last.v[i]);
        for (int j = 0; j < 4; ++j) store(out + (4 * i + j) * s.point_stride, u.v[j]);
      }
      left = right;
      centre = last;
    }
  }
}

// The 16 products of `R` tiles with one panel of columns.
template <int R>
void products_of(const Winograd& p, const Scratch& s, int64_t tile, const bf16* panel) {
  for (int i = 0; i < kPoints; ++i) {
    const Tile<R> t = multiply<R>(s.inputs + i * s.point_stride + tile * p.in, p.in,
                                  panel + i * p.in * kPanel, p.in / 2);
    float* to = s.products + i * kTileRows * kPanel;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      _mm512_storeu_ps(to + r * kPanel, t.v[r][0]);
      _mm512_storeu_ps(to + r * kPanel + 16, t.v[r][1]);
    }
  }
}

// A^T m A of one tile and 16 columns, with bias and residual, into the 2 x 2 pixels at `at`.
void finish(const Winograd& p, const float* products, int64_t at, int64_t column) {
  const __mmask16 mask = first_of(p.out - column);
  const __m512 zero = _mm512_setzero_ps();
  Four rows[2];
  for (int j = 0; j < 4; ++j) {
    Four m;
    for (int i = 0; i < 4; ++i) {
      m.v[i] = _mm512_loadu_ps(products + (4 * i + j) * kTileRows * kPanel);
    }
    const Two column_of = transform_products(m, zero);
    for (int i = 0; i < 2; ++i) rows[i].v[j] = column_of.v[i];
  }
  const __m512 bias = p.bias ? load(mask, p.bias + column) : zero;
  for (int i = 0; i < 2; ++i) {
    const Two y = transform_products(rows[i], bias);
    for (int j = 0; j < 2; ++j) {
      const int64_t to = (at + i * p.width + j) * p.out + column;
      store(mask, p.y + to,
            p.residual ? _mm512_add_ps(y.v[j], load(mask, p.residual + to)) : y.v[j]);
    }
  }
}

template <int R>
void tile_block(const Winograd& p, const Scratch& s, int64_t first_row, int64_t tile,
                int64_t panel) {
  products_of<R>(p, s, tile, p.weight + panel * kPoints * p.in * kPanel);
  for (int r = 0; r < R; ++r) {
    // Rows of tiles follow each other through the pictures without a gap.
    const int64_t row = first_row + (tile + r) / tiles_across(p);
    const int64_t at = 2 * row * p.width + (tile + r) % tiles_across(p) * 2;
    for (int64_t half = 0; half < kPanel && panel * kPanel + half < p.out; half += 16) {
      finish(p, s.products + r * kPanel + half, at, panel * kPanel + half);
    }
  }
}

}  // namespace

int64_t packed_winograd_panels(int64_t out) { return (out + kPanel - 1) / kPanel; }

int64_t packed_winograd_size(int64_t in, int64_t out) {
  return packed_winograd_panels(out) * kPoints * in * kPanel;
}

void pack_winograd(const uint16_t* weight, int64_t in, int64_t out, int64_t panel,
                   uint16_t* packed) {
  packed += panel * kPoints * in * kPanel;
  for (int64_t column = 0; column < kPanel; ++column) {
    const int64_t row = panel * kPanel + column;
    for (int64_t k = 0; k < in; ++k) {
      // G g G^T, columns first: half[x] = G g[.][x].
      float half[3][4], u[4];
      for (int x = 0; x < 3; ++x) {
        float g[3] = {};
        for (int y = 0; y < 3 && row < out; ++y) {
          g[y] = to_float(weight[((row * in + k) * 3 + y) * 3 + x]);
        }
        transform_weights(g, half[x]);
      }
      for (int i = 0; i < 4; ++i) {
        const float across[3] = {half[0][i], half[1][i], half[2][i]};
        transform_weights(across, u);
        for (int j = 0; j < 4; ++j) {
          packed[((4 * i + j) * in + k / 2 * 2) * kPanel + 2 * column + k % 2] = to_bf16(u[j]);
        }
      }
    }
  }
}

int64_t winograd_items(const Winograd& p) {
  return (tile_rows(p) + item_rows(p) - 1) / item_rows(p);
}

int64_t winograd_scratch(const Winograd& p) {
  const Scratch s(p, nullptr);
  return reinterpret_cast<int64_t>(s.products + kPoints * kTileRows * kPanel);
}

void winograd(const Winograd& p, int64_t item, void* scratch) {
  const Scratch s(p, scratch);
  for_runs(p, item, [&](const Run& run) {
    for (int64_t channel = 0; channel < p.in; channel += 16) {
      p.silu ? normalise_strip<true>(p, run, channel, s.strip)
             : normalise_strip<false>(p, run, channel, s.strip);
      transform_strip(p, run, s, channel);
    }
  });
  const int64_t first_row = item * item_rows(p);
  const int64_t rows =
      tile_rows(p) - first_row < item_rows(p) ? tile_rows(p) - first_row : item_rows(p);
  const int64_t tiles = rows * tiles_across(p);
  for (int64_t panel = 0; panel < packed_winograd_panels(p.out); ++panel) {
    int64_t tile = 0;
    for (; tile + kTileRows <= tiles; tile += kTileRows) {
      tile_block<kTileRows>(p, s, first_row, tile, panel);
    }
    for (; tile < tiles; ++tile) tile_block<1>(p, s, first_row, tile, panel);
  }
}

}  // namespace zoetrope::kernels::avx512
