#include "kernels/row_pass/row_pass.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace {

// x Phi(x) by the tanh form: 0.5 (1 + tanh u) is sigmoid(2 u).
__device__ inline float gelu_tanh(float x) {
  constexpr float kTwoRootTwoOverPi = 1.59576912160573081f, kCubic = 0.044715f;
  return x * sigmoid(x * (kTwoRootTwoOverPi + kTwoRootTwoOverPi * kCubic * (x * x)));
}

// Of x or y. Without load_row's branch on the dtype, behind which a thread's loads would wait for
// one another.
template <class T>
__device__ inline Floats<T> load_own(const RowView& view, const RowPlace& at, int channel) {
  return load(static_cast<const T*>(view.data) + at.batch * view.batch_stride +
              at.row * view.row_stride + channel);
}

template <class T, int N>
struct Row {
  static constexpr int V = kWidth<T>;
  Floats<T> x[N];

  // f(vector's values, channel) for those within the row.
  template <class F>
  __device__ void each(int channels, F f) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = row_channel<T>(k);
      if (channel < channels) f(x[k].v, channel);
    }
  }

  __device__ void read(const RowPass& p, const RowPlace& at) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = row_channel<T>(k);
      x[k] = channel < p.channels ? load_own<T>(p.x, at, channel) : Floats<T>{};
    }
  }

  // All of y is asked for before any of it is used.
  __device__ void combine(const RowPass& p, const RowPlace& at) {
    Floats<T> y[N];
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = row_channel<T>(k);
      y[k] = channel < p.channels ? load_own<T>(p.y, at, channel) : Floats<T>{};
    }
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = row_channel<T>(k);
      if (channel >= p.channels) continue;
      if (p.source == RowSource::kProduct) {
#pragma unroll
        for (int v = 0; v < V; ++v) x[k].v[v] *= y[k].v[v];
        continue;
      }
      if (p.gate.data != nullptr) {
        const Floats<T> gate = load_row<T>(p.gate, at.batch, at.row, channel);
#pragma unroll
        for (int v = 0; v < V; ++v) y[k].v[v] *= gate.v[v];
      }
#pragma unroll
      for (int v = 0; v < V; ++v) x[k].v[v] += y[k].v[v];
      if (at.live && p.sum.data != nullptr) store_row<T>(p.sum, at.batch, at.row, channel, x[k]);
    }
  }

  __device__ void activate(const RowPass& p) {
    each(p.channels, [&](float(&x)[V], int) {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        x[v] = p.first == RowActivation::kSilu ? x[v] * sigmoid(x[v]) : gelu_tanh(x[v]);
      }
    });
  }

  __device__ void normalise(const RowPass& p) {
    const float count = static_cast<float>(p.channels);
    float mean = 0;
    if (p.norm == RowNorm::kLayer) {
      float sum = 0;
      each(p.channels, [&](float(&x)[V], int) {
#pragma unroll
        for (int v = 0; v < V; ++v) sum += x[v];
      });
      mean = over_row<Sum, 0>(sum) / count;
    }
    float square = 0;
    each(p.channels, [&](float(&x)[V], int) {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        x[v] -= mean;
        square += x[v] * x[v];
      }
    });
    const float rstd = 1.0f / sqrtf(over_row<Sum, 1>(square) / count + p.eps);
    each(p.channels, [&](float(&x)[V], int) {
#pragma unroll
      for (int v = 0; v < V; ++v) x[v] *= rstd;
    });
  }

  __device__ void finish(const RowPass& p, const RowPlace& at) {
    each(p.channels, [&](float(&x)[V], int channel) {
      if (p.weight != nullptr) {
        const Floats<T> weight = load(static_cast<const T*>(p.weight) + channel);
#pragma unroll
        for (int v = 0; v < V; ++v) x[v] *= weight.v[v];
      }
      if (p.bias != nullptr) {
        const Floats<T> bias = load(static_cast<const T*>(p.bias) + channel);
#pragma unroll
        for (int v = 0; v < V; ++v) x[v] += bias.v[v];
      }
      if (p.scale.data != nullptr) {
        const Floats<T> scale = load_row<T>(p.scale, at.batch, at.row, channel);
        const Floats<T> shift = load_row<T>(p.shift, at.batch, at.row, channel);
#pragma unroll
        for (int v = 0; v < V; ++v) x[v] = x[v] * (1 + scale.v[v]) + shift.v[v];
      }
      if (p.silu) {
#pragma unroll
        for (int v = 0; v < V; ++v) x[v] *= sigmoid(x[v]);
      }
    });
  }

  __device__ void write(const RowPass& p, const RowPlace& at) {
    if (p.out.data != nullptr) {
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const int channel = row_channel<T>(k);
        if (at.live && channel < p.channels) {
          store_row<T>(p.out, at.batch, at.row, channel, x[k]);
        }
      }
      return;
    }
    if (p.fp8_scale == nullptr) return;
    float largest = 0;
    each(p.channels, [&](float(&x)[V], int) {
#pragma unroll
      for (int v = 0; v < V; ++v) largest = LargestOrNan::of(largest, fabsf(x[v]));
    });
    const float scale = fp8_scale(over_row<LargestOrNan, 2>(largest));
    if (!at.live) return;
    if (threadIdx.x == 0) p.fp8_scale[at.index] = scale;
    unsigned char* row = p.fp8 + static_cast<int64_t>(at.index) * p.channels;
    const float factor = 1.0f / scale;
    each(p.channels, [&](float(&x)[V], int channel) { store_fp8(row + channel, x, factor); });
  }
};

// Two rows of the widest kind share a multiprocessor, so that one is read while the other is worked
// on. A second operand needs the registers instead, and is a kernel of its own for that.
template <class T, int N, bool Combined>
__global__ void __launch_bounds__(kRowMaxLanes, Combined&& N > 2 ? 1 : 2)
    row_pass_kernel(RowPass p) {
  const RowPlace at = row_place(p.batches, p.rows);
  Row<T, N> row;
  row.read(p, at);
  if (p.first != RowActivation::kNone) row.activate(p);
  if constexpr (Combined) row.combine(p, at);
  if (p.norm != RowNorm::kNone) row.normalise(p);
  row.finish(p, at);
  row.write(p, at);
}

}  // namespace

bool row_pass_supported(const RowPass& p) {
  const int width = vector_width(p.dtype);
  return p.batches >= 1 && p.rows >= 1 && p.rows < (int64_t{1} << 31) / p.batches &&
         p.channels >= width && p.channels % width == 0 && RowLayout(p.channels / width).lanes > 0;
}

cudaError_t row_pass(const RowPass& p, cudaStream_t stream) {
  const RowLayout layout(p.channels / vector_width(p.dtype));
  return with_type(p.dtype, [&](auto element) {
    return with_vectors(layout, [&](auto vectors) {
      using T = decltype(element);
      constexpr int N = decltype(vectors)::value;
      return launch(p.source == RowSource::kSingle ? row_pass_kernel<T, N, false>
                                                   : row_pass_kernel<T, N, true>,
                    layout.grid(p.batches * p.rows), layout.block(), stream, p);
    });
  });
}

}  // namespace zoetrope::kernels
