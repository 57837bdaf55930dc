#include "kernels/row_pass/row_pass.h"

#include "kernels/common/row.cuh"
#include "kernels/row_pass/approximate.cuh"

namespace zoetrope::kernels {
namespace {

// What is done with a row decides how a thread holds its part of it.
enum class Work {
  kPointwise,  // nothing looks at a whole row, which may lie in several blocks
  kQuantised,  // nothing but the largest magnitude does
  kGeneral,
};

Work work_of(const RowPass& p) {
  const bool bare = p.norm == RowNorm::kNone && p.weight == nullptr && p.bias == nullptr &&
                    p.scale.data == nullptr && !p.silu;
  if (!bare) return Work::kGeneral;
  return p.out.data == nullptr && p.fp8_scale != nullptr ? Work::kQuantised : Work::kPointwise;
}

// 1 / (1 + 2^t): both activations are x times that.
__device__ inline float falling(float t) {
  return approximate_reciprocal(1.0f + approximate_exp2(t));
}

constexpr float kLog2e = 1.44269504088896341f;

__device__ inline float silu(float x) { return x * falling(-kLog2e * x); }

// x Phi(x) by the tanh form: 0.5 (1 + tanh u) is sigmoid(2 u).
__device__ inline float gelu_tanh(float x) {
  constexpr float kLinear = -kLog2e * 1.59576912160573081f, kCubic = kLinear * 0.044715f;
  return x * falling(x * (kLinear + kCubic * (x * x)));
}

// N vectors of a row. Those beyond its end are zeros and remain zeros whatever is done with them.
template <class T, int N, Work kWork, bool kFull>
class Row {
 public:
  static constexpr int V = kWidth<T>;

  __device__ Row(const RowPass& p, unsigned piece)
      : p_(p),
        at_(row_place(p.batches, p.rows)),
        vectors_(kWork == Work::kPointwise ? RowVectors<T, kFull>(piece, p.channels)
                                           : RowVectors<T, kFull>(p.channels)) {}

  __device__ void read() {
    uint4 x[N];
    load_once(row_of<T>(p_.x, at_), vectors_, x);
    if (p_.first == RowActivation::kSilu) {
      keep(x, [](Floats<T>& x, int) { apply(x, silu); });
    } else if (p_.first == RowActivation::kGeluTanh) {
      keep(x, [](Floats<T>& x, int) { apply(x, gelu_tanh); });
    } else {
      keep(x, [](Floats<T>&, int) {});
    }
  }

  // All of both is asked for before any of it is used.
  __device__ void read_and_combine() {
    uint4 x[N], y[N];
    load_once(row_of<T>(p_.x, at_), vectors_, x);
    load_once(row_of<T>(p_.y, at_), vectors_, y);
    if (p_.source == RowSource::kSum) {
      if (p_.gate.data == nullptr) {
        keep(x, [&](Floats<T>& x, int k) { add(x, y[k], [](int) { return 1.0f; }); });
      } else {
        with_element<T>(p_.gate.dtype, [&](auto element) {
          const auto* from = row_of<decltype(element)>(p_.gate, at_);
          keep(x, [&](Floats<T>& x, int k) {
            const Floats<T> gate = operand(from, k);
            add(x, y[k], [&](int v) { return gate.v[v]; });
          });
        });
      }
      if (p_.sum.data != nullptr) store_row(p_.sum);
    } else if (p_.first == RowActivation::kSilu) {
      keep(x, [&](Floats<T>& x, int k) { multiply(x, y[k], silu); });
    } else if (p_.first == RowActivation::kGeluTanh) {
      keep(x, [&](Floats<T>& x, int k) { multiply(x, y[k], gelu_tanh); });
    } else {
      keep(x, [&](Floats<T>& x, int k) { multiply(x, y[k], [](float x) { return x; }); });
    }
  }

  // Leaves x less its mean and returns what makes its squares 1.
  __device__ float normalise() {
    if (p_.norm == RowNorm::kNone) return 1.0f;
    const float count = static_cast<float>(p_.channels);
    if (p_.norm == RowNorm::kLayer) {
      float sum = 0;
      each([&](Floats<T>& x, int) {
#pragma unroll
        for (int v = 0; v < V; ++v) sum += x.v[v];
      });
      const float mean = __fdividef(over_row<Sum, 0>(sum), count);
      each([&](Floats<T>& x, int k) {
        const float less = vectors_.inside(k) ? mean : 0.0f;
#pragma unroll
        for (int v = 0; v < V; ++v) x.v[v] -= less;
      });
    }
    float square = 0;
    each([&](Floats<T>& x, int) {
#pragma unroll
      for (int v = 0; v < V; ++v) square += x.v[v] * x.v[v];
    });
    return rsqrtf(__fdividef(over_row<Sum, 1>(square), count) + p_.eps);
  }

  __device__ void finish(float factor) {
    if (p_.weight != nullptr) {
      each([&](Floats<T>& x, int k) {
        const Floats<T> weight = operand(static_cast<const T*>(p_.weight), k);
#pragma unroll
        for (int v = 0; v < V; ++v) x.v[v] *= factor * weight.v[v];
      });
      factor = 1.0f;
    } else if (p_.bias != nullptr || p_.scale.data == nullptr) {
      each([&](Floats<T>& x, int) { apply(x, [&](float x) { return x * factor; }); });
      factor = 1.0f;
    }
    if (p_.bias != nullptr) {
      each([&](Floats<T>& x, int k) {
        const Floats<T> bias = operand(static_cast<const T*>(p_.bias), k);
#pragma unroll
        for (int v = 0; v < V; ++v) x.v[v] += bias.v[v];
      });
    }
    if (p_.scale.data != nullptr) {
      with_element<T>(p_.scale.dtype, [&](auto element) {
        const auto* scales = row_of<decltype(element)>(p_.scale, at_);
        const auto* shifts = row_of<decltype(element)>(p_.shift, at_);
        each([&](Floats<T>& x, int k) {
          const Floats<T> scale = operand(scales, k), shift = operand(shifts, k);
#pragma unroll
          for (int v = 0; v < V; ++v) {
            x.v[v] = x.v[v] * (factor + factor * scale.v[v]) + shift.v[v];
          }
        });
      });
    }
    if (p_.silu) each([](Floats<T>& x, int) { apply(x, silu); });
  }

  __device__ void write() {
    if (p_.out.data != nullptr) return store_row(p_.out);
    if constexpr (kWork != Work::kPointwise) {
      if (p_.fp8_scale != nullptr) store_quantised();
    }
  }

 private:
  // Statistics go over the values again and again, and to widen them costs as much as to add them;
  // where they are worked on once it is better to have more of them on their way. Then a value is
  // rounded to T before it is quantised, as it would be on its way to a pass of its own.
  static constexpr bool kWide = kWork == Work::kGeneral;
  using Kept = std::conditional_t<kWide, Floats<T>, uint4>;

  __device__ static Floats<T> wide(const Floats<T>& kept) { return kept; }
  __device__ static Floats<T> wide(const uint4& kept) { return widen<T>(kept); }
  __device__ static void put(Floats<T>& kept, const Floats<T>& x) { kept = x; }
  __device__ static void put(uint4& kept, const Floats<T>& x) { kept = narrow(x); }

  // Keeps what f(vector's values, vector) makes of them, of those just read or of those kept.
  template <class F>
  __device__ void keep(const uint4 (&raw)[N], F f) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      Floats<T> x = widen<T>(raw[k]);
      f(x, k);
      put(kept_[k], x);
    }
  }
  template <class F>
  __device__ void each(F f) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      Floats<T> x = wide(kept_[k]);
      f(x, k);
      put(kept_[k], x);
    }
  }

  template <class F>
  __device__ static void apply(Floats<T>& x, F f) {
#pragma unroll
    for (int v = 0; v < V; ++v) x.v[v] = f(x.v[v]);
  }
  template <class F>
  __device__ static void multiply(Floats<T>& x, const uint4& raw, F f) {
    const Floats<T> y = widen<T>(raw);
#pragma unroll
    for (int v = 0; v < V; ++v) x.v[v] = f(x.v[v]) * y.v[v];
  }
  template <class F>
  __device__ static void add(Floats<T>& x, const uint4& raw, F gate) {
    const Floats<T> y = widen<T>(raw);
#pragma unroll
    for (int v = 0; v < V; ++v) x.v[v] += y.v[v] * gate(v);
  }

  template <class Element>
  __device__ Floats<T> operand(const Element* row, int k) const {
    return vectors_.inside(k) ? load_as<T>(vectors_.of(row, k)) : Floats<T>{};
  }

  __device__ void store_row(const RowTarget& target) {
    T* row = row_of<T>(target, at_);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      if (at_.live && vectors_.inside(k)) store(vectors_.of(row, k), wide(kept_[k]));
    }
  }

  __device__ void store_quantised() {
    float largest = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const Floats<T> x = wide(kept_[k]);
#pragma unroll
      for (int v = 0; v < V; ++v) largest = larger_or_nan(largest, fabsf(x.v[v]));
    }
    const float scale = fp8_scale(over_row<LargestOrNan, 2>(largest));
    if (!at_.live) return;
    if (threadIdx.x == 0) p_.fp8_scale[at_.index] = scale;
    unsigned char* row = p_.fp8 + static_cast<int64_t>(at_.index) * p_.channels;
    const float factor = 1.0f / scale;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      if (vectors_.inside(k)) store_fp8(vectors_.of(row, k), wide(kept_[k]).v, factor);
    }
  }

  const RowPass& p_;
  const RowPlace at_;
  const RowVectors<T, kFull> vectors_;
  Kept kept_[N];
};

// ptxas -v for sm_90a: 81 to 88 registers for rows of five and six vectors with statistics, 64
// where they wait packed, nothing spilled. With __maxnreg__ of 80 or 96, or blocks a multiprocessor
// named here, more is brought forward than there are registers for, and some spill.
template <class T, int N, Work kWork, bool kCombined, bool kFull>
__global__ void __launch_bounds__(kRowMaxLanes) row_pass_kernel(RowPass p, unsigned piece) {
  Row<T, N, kWork, kFull> row(p, piece);
  if constexpr (kCombined) {
    row.read_and_combine();
  } else {
    row.read();
  }
  if constexpr (kWork == Work::kGeneral) row.finish(row.normalise());
  row.write();
}

template <class T, Work kWork, bool kFull>
cudaError_t run(const RowPass& p, const RowLayout& layout, cudaStream_t stream) {
  return with_vectors < kWork == Work::kPointwise
             ? kRowMaxVectors
             : kDeepVectors > (layout, [&](auto vectors) {
                 constexpr int N = decltype(vectors)::value;
                 return launch(p.source == RowSource::kSingle
                                   ? row_pass_kernel<T, N, kWork, false, kFull>
                                   : row_pass_kernel<T, N, kWork, true, kFull>,
                               layout.grid(p.batches * p.rows), layout.block(), stream, p,
                               layout.piece * kWidth<T>);
               });
}

template <class T, Work kWork>
cudaError_t run(const RowPass& p, cudaStream_t stream) {
  const int64_t needed = p.channels / kWidth<T>;
  const RowLayout layout =
      kWork == Work::kPointwise ? RowLayout::cut(needed) : RowLayout::deep(needed);
  return layout.fills(needed) ? run<T, kWork, true>(p, layout, stream)
                              : run<T, kWork, false>(p, layout, stream);
}

}  // namespace

bool row_pass_supported(const RowPass& p) {
  const int width = vector_width(p.dtype);
  return p.batches >= 1 && p.rows >= 1 && p.rows < (int64_t{1} << 31) / p.batches &&
         p.channels >= width && p.channels % width == 0 &&
         RowLayout::deep(p.channels / width).lanes > 0;
}

cudaError_t row_pass(const RowPass& p, cudaStream_t stream) {
  return with_type(p.dtype, [&](auto element) {
    using T = decltype(element);
    switch (work_of(p)) {
      case Work::kPointwise:
        return run<T, Work::kPointwise>(p, stream);
      case Work::kQuantised:
        return run<T, Work::kQuantised>(p, stream);
      default:
        return run<T, Work::kGeneral>(p, stream);
    }
  });
}

}  // namespace zoetrope::kernels
