// Four passes: sum, least and largest of every channel over a part of the tokens; the same over the
// parts, which gives the mean and how far from it the channel reaches; the scale; the conversion.
// The input is read twice, whatever is subtracted from it.
#include "kernels/quantise_heads/quantise_heads.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace heads {
namespace {

using bf16 = __nv_bfloat16;

constexpr int kInputs = 3;
constexpr int kV = kWidth<bf16>;  // channels a thread holds
constexpr int kThreads = 64;
constexpr int kSlice = kThreads * kV;  // channels of a block
constexpr int64_t kRowsOfBlock = 64;
constexpr int64_t kMostParts = 192;  // beyond that the partial sums are traffic of their own
constexpr int kColumns = 32, kSlots = 16;

// How the work is cut, from the shape alone.
struct Cut {
  int64_t slices, columns, chunks, parts;

  explicit Cut(const HeadsShape& s)
      : slices(ceil_div(s.channels, kSlice)),
        columns(ceil_div(s.channels, kColumns)),
        chunks(ceil_div(s.rows, kRowsOfBlock)),
        parts(chunks < kMostParts ? chunks : kMostParts) {}
};

// What a thread works on: tensor and sample, rows, and the first of its channels.
struct Place {
  unsigned tensor, sample;
  int64_t first, last;
  int64_t channel;
};

// Blocks run over samples of tensors, then `count` shares of the rows, then slices of channels.
__device__ inline Place place(const HeadsShape& s, int64_t slices, int64_t count) {
  const auto width = static_cast<unsigned>(slices), each = static_cast<unsigned>(count);
  const unsigned slice = blockIdx.x % width, share = blockIdx.x / width % each;
  const unsigned outer = blockIdx.x / width / each, batch = static_cast<unsigned>(s.batch);
  const int64_t length = (s.rows + count - 1) / count, first = share * length;
  return {outer / batch, outer % batch, first, min(first + length, s.rows),
          static_cast<int64_t>(slice) * kSlice + threadIdx.x * kV};
}

__device__ inline const bf16* row_of(const RowView& x, unsigned sample, int64_t row) {
  return static_cast<const bf16*>(x.data) + sample * x.batch_stride + row * x.row_stride;
}

// -> partial [3 * batch, parts, 3, channels]
__global__ void __launch_bounds__(kThreads) statistics_kernel(QuantiseHeads p, Cut cut) {
  const Place at = place(p.shape, cut.slices, cut.parts);
  if (at.channel >= p.shape.channels) return;
  const RowView& x = p.x[at.tensor];
  float sum[kV], least[kV], largest[kV];
#pragma unroll
  for (int v = 0; v < kV; ++v) {
    sum[v] = 0;
    least[v] = INFINITY;
    largest[v] = -INFINITY;
  }
#pragma unroll 4
  for (int64_t row = at.first; row < at.last; ++row) {
    const Floats<bf16> f = load(row_of(x, at.sample, row) + at.channel);
#pragma unroll
    for (int v = 0; v < kV; ++v) {
      sum[v] += f.v[v];
      least[v] = fminf(least[v], f.v[v]);
      largest[v] = fmaxf(largest[v], f.v[v]);
    }
  }
  // Blocks of a slice lie next to each other: dividing by the slices leaves tensor, sample, part.
  float* out = p.workspace + static_cast<int64_t>(blockIdx.x / cut.slices) * 3 * p.shape.channels +
               at.channel;
#pragma unroll
  for (int v = 0; v < kV; ++v) {
    out[v] = sum[v];
    out[p.shape.channels + v] = least[v];
    out[2 * p.shape.channels + v] = largest[v];
  }
}

__device__ inline float* reaches(const QuantiseHeads& p, const Cut& cut) {
  return p.workspace + kInputs * p.shape.batch * cut.parts * 3 * p.shape.channels;
}

// -> mean, and how far the channels of a block reach from it [3 * batch, columns]
__global__ void __launch_bounds__(kColumns* kSlots) channels_kernel(QuantiseHeads p, Cut cut) {
  __shared__ float kept[3][kSlots][kColumns + 1];
  const auto blocks = static_cast<unsigned>(cut.columns);
  const unsigned outer = blockIdx.x / blocks, lane = threadIdx.x;
  const int64_t width = p.shape.channels;
  const int64_t channel = static_cast<int64_t>(blockIdx.x % blocks) * kColumns + lane;
  float sum = 0, least = INFINITY, largest = -INFINITY;
  if (channel < width) {
    const float* in = p.workspace + outer * cut.parts * 3 * width + channel;
#pragma unroll 4
    for (int64_t part = threadIdx.y; part < cut.parts; part += kSlots) {
      sum += in[part * 3 * width];
      least = fminf(least, in[(part * 3 + 1) * width]);
      largest = fmaxf(largest, in[(part * 3 + 2) * width]);
    }
  }
  kept[0][threadIdx.y][lane] = sum;
  kept[1][threadIdx.y][lane] = least;
  kept[2][threadIdx.y][lane] = largest;
  __syncthreads();
  if (threadIdx.y != 0) return;
  for (int slot = 1; slot < kSlots; ++slot) {
    sum += kept[0][slot][lane];
    least = fminf(least, kept[1][slot][lane]);
    largest = fmaxf(largest, kept[2][slot][lane]);
  }
  const bool centred = outer >= p.shape.batch;  // keys and values
  const float mean = centred ? sum / static_cast<float>(p.shape.rows) : 0.0f;
  float reach = 0;
  if (channel < width) {
    p.mean[outer * width + channel] = mean;
    reach = fmaxf(largest - mean, mean - least);
  }
  for (int step = kColumns / 2; step > 0; step /= 2) {
    reach = fmaxf(reach, __shfl_xor_sync(0xffffffffu, reach, step));
  }
  if (lane == 0) reaches(p, cut)[blockIdx.x] = reach;
}

__device__ inline void store_scale(float* pair, float descale) {
  pair[0] = descale;
  pair[kScaleFloats] = 1.0f / descale;
}

// A warp for each sample of each tensor, and one for the softmax.
__global__ void __launch_bounds__(kColumns) scales_kernel(QuantiseHeads p, Cut cut) {
  float* pair = p.scales + static_cast<int64_t>(blockIdx.x) * kScalePair;
  if (blockIdx.x == kInputs * p.shape.batch) {
    if (threadIdx.x == 0) store_scale(pair, 1.0f / kSoftmaxScale);
    return;
  }
  const float* in = reaches(p, cut) + blockIdx.x * cut.columns;
  float reach = 0;
  for (int64_t i = threadIdx.x; i < cut.columns; i += kColumns) reach = fmaxf(reach, in[i]);
  for (int step = kColumns / 2; step > 0; step /= 2) {
    reach = fmaxf(reach, __shfl_xor_sync(0xffffffffu, reach, step));
  }
  if (threadIdx.x == 0) store_scale(pair, fp8_scale(reach));
}

__device__ inline void load_mean(const float* mean, float (&to)[kV]) {
  const Floats<float> low = load(mean), high = load(mean + kV / 2);
#pragma unroll
  for (int v = 0; v < kV / 2; ++v) {
    to[v] = low.v[v];
    to[v + kV / 2] = high.v[v];
  }
}

__global__ void __launch_bounds__(kThreads) convert_kernel(QuantiseHeads p, Cut cut) {
  const Place at = place(p.shape, cut.slices, cut.chunks);
  if (at.channel >= p.shape.channels) return;
  const int64_t outer = at.tensor * p.shape.batch + at.sample;
  const float scale = p.scales[outer * kScalePair + kScaleFloats];
  float mean[kV];
  load_mean(p.mean + outer * p.shape.channels + at.channel, mean);
#pragma unroll 4
  for (int64_t row = at.first; row < at.last; ++row) {
    Floats<bf16> f = load(row_of(p.x[at.tensor], at.sample, row) + at.channel);
#pragma unroll
    for (int v = 0; v < kV; ++v) f.v[v] -= mean[v];
    store_fp8(p.values + (outer * p.shape.rows + row) * p.shape.channels + at.channel, f.v, scale);
  }
}

// The bits of e4m3 are those of a float whose exponent is biased by 7 in place of 127.
__device__ inline float from_e4m3(unsigned byte) {
  if ((byte & 0x7f) == 0x7f) return __uint_as_float(0x7fc00000u);
  return __uint_as_float((byte & 0x80) << 24 | (byte & 0x7f) << 20) * 0x1p120f;
}

__global__ void __launch_bounds__(kThreads) restore_kernel(RestoreHeads p, Cut cut) {
  const Place at = place(p.shape, cut.slices, cut.chunks);
  if (at.channel >= p.shape.channels) return;
  const int64_t outer = 2 * p.shape.batch + at.sample;  // the values'
  const float descale = p.scales[outer * kScalePair];
  float mean[kV];
  load_mean(p.mean + outer * p.shape.channels + at.channel, mean);
#pragma unroll 4
  for (int64_t row = at.first; row < at.last; ++row) {
    const int64_t i = (at.sample * p.shape.rows + row) * p.shape.channels + at.channel;
    const uint2 raw = *reinterpret_cast<const uint2*>(p.values + i);
    Floats<bf16> f;
#pragma unroll
    for (int v = 0; v < kV; ++v) {
      const unsigned word = v < kV / 2 ? raw.x : raw.y;
      f.v[v] = from_e4m3(word >> v % 4 * 8 & 0xff) * descale + mean[v];
    }
    store(static_cast<bf16*>(p.y) + i, f);
  }
}

dim3 grid(int64_t blocks) { return dim3(static_cast<unsigned>(blocks)); }

}  // namespace
}  // namespace heads

bool quantise_heads_supported(const HeadsShape& s) {
  const heads::Cut cut(s);
  return s.batch >= 1 && s.rows >= 1 && s.channels >= heads::kV && s.channels % heads::kV == 0 &&
         heads::kInputs * s.batch < (int64_t{1} << 31) / cut.chunks / cut.columns;
}

int64_t quantise_heads_workspace(const HeadsShape& s) {
  const heads::Cut cut(s);
  return heads::kInputs * s.batch * (cut.parts * 3 * s.channels + cut.columns);
}

cudaError_t quantise_heads(const QuantiseHeads& p, cudaStream_t stream) {
  const heads::Cut cut(p.shape);
  const int64_t samples = heads::kInputs * p.shape.batch;
  const dim3 block(heads::kThreads), square(heads::kColumns, heads::kSlots), warp(heads::kColumns);
  cudaError_t error = launch(heads::statistics_kernel,
                             heads::grid(samples * cut.parts * cut.slices), block, stream, p, cut);
  if (error != cudaSuccess) return error;
  error =
      launch(heads::channels_kernel, heads::grid(samples * cut.columns), square, stream, p, cut);
  if (error != cudaSuccess) return error;
  error = launch(heads::scales_kernel, heads::grid(samples + 1), warp, stream, p, cut);
  if (error != cudaSuccess) return error;
  return launch(heads::convert_kernel, heads::grid(samples * cut.chunks * cut.slices), block,
                stream, p, cut);
}

cudaError_t restore_heads(const RestoreHeads& p, cudaStream_t stream) {
  const heads::Cut cut(p.shape);
  return launch(heads::restore_kernel, heads::grid(p.shape.batch * cut.chunks * cut.slices),
                dim3(heads::kThreads), stream, p, cut);
}

}  // namespace zoetrope::kernels
