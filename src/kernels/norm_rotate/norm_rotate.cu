#include "kernels/norm_rotate/norm_rotate.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace {

bool is_power_of_two(int x) { return x > 0 && (x & (x - 1)) == 0; }

// Lanes that hold one head, where they must be neighbours in one warp; else 1.
int head_lanes(const NormRotate& p) {
  const bool by_head = (p.weight != nullptr && !p.across) || (p.cosine.data != nullptr && p.halves);
  return by_head ? p.head_dim / vector_width(p.dtype) : 1;
}

// Only a norm across heads needs a token in one block.
RowLayout layout_of(const NormRotate& p) {
  const int64_t needed = static_cast<int64_t>(p.heads) * p.head_dim / vector_width(p.dtype);
  return p.weight != nullptr && p.across ? RowLayout::deep(needed, head_lanes(p))
                                         : RowLayout::cut(needed, head_lanes(p));
}

template <int V>
__device__ inline void load_floats(const float* from, float (&to)[V]) {
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int i = 0; i < V; i += 4) {
      const Floats<float> four = load(from + i);
#pragma unroll
      for (int v = 0; v < 4; ++v) to[i + v] = four.v[v];
    }
  } else {
#pragma unroll
    for (int v = 0; v < V; ++v) to[v] = from[v];
  }
}

// Cosines and sines of what a vector holds of its head. Pairs of neighbours lie within the vector
// and share them.
template <class T, bool kHalves>
struct Angles {
  static constexpr int V = kHalves ? kWidth<T> : kWidth<T> / 2;
  float cosine[V] = {}, sine[V] = {};

  __device__ void read(const NormRotate& p, const RowPlace& at, int within) {
    const int i = kHalves ? within % (p.head_dim / 2) : within / 2;
    load_floats(row_of<float>(p.cosine, at) + i, cosine);
    load_floats(row_of<float>(p.sine, at) + i, sine);
  }

  __device__ void turn(const NormRotate& p, int within, Floats<T>& x) const {
    if constexpr (kHalves) {
      // The other of a pair is with the lane half a head away.
      const float sign = within < p.head_dim / 2 ? -1.0f : 1.0f;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const float other = __shfl_xor_sync(0xffffffffu, x.v[v], p.head_dim / 2 / V);
        x.v[v] = x.v[v] * cosine[v] + sign * other * sine[v];
      }
    } else {
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float a = x.v[2 * i], b = x.v[2 * i + 1];
        x.v[2 * i] = a * cosine[i] - b * sine[i];
        x.v[2 * i + 1] = a * sine[i] + b * cosine[i];
      }
    }
  }
};

// N vectors of a token. With kSame all of a thread's lie at the same place of their heads, so that
// what they are turned by is read once, while they are on their way.
template <class T, int N, bool kHalves, bool kSame>
struct Token {
  static constexpr int V = kWidth<T>;
  using Turn = Angles<T, kHalves>;

  const NormRotate& p;
  const RowPlace at;
  const RowVectors<T> vectors;
  uint4 x[N];
  float factor[N];

  __device__ Token(const NormRotate& p, unsigned piece)
      : p(p), at(row_place(p.batches, p.tokens)), vectors(piece, p.heads * p.head_dim) {}

  __device__ int within(int k) const {
    return vectors.channel(kSame ? 0 : k) % static_cast<unsigned>(p.head_dim);
  }

  // Root mean squares, of heads or of the token, to factors.
  __device__ void normalise() {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const Floats<T> wide = widen<T>(x[k]);
      factor[k] = 0;
#pragma unroll
      for (int v = 0; v < V; ++v) factor[k] += wide.v[v] * wide.v[v];
    }
    if (p.across) {
      float sum = 0;
#pragma unroll
      for (int k = 0; k < N; ++k) sum += factor[k];
      const float mean = over_row<Sum, 0>(sum) / static_cast<float>(p.heads * p.head_dim);
      const float all = rsqrtf(mean + p.eps);
#pragma unroll
      for (int k = 0; k < N; ++k) factor[k] = all;
      return;
    }
    for (int step = p.head_dim / V / 2; step > 0; step /= 2) {
#pragma unroll
      for (int k = 0; k < N; ++k) factor[k] += __shfl_xor_sync(0xffffffffu, factor[k], step);
    }
    const float share = 1.0f / static_cast<float>(p.head_dim);
#pragma unroll
    for (int k = 0; k < N; ++k) factor[k] = rsqrtf(factor[k] * share + p.eps);
  }

  // The questions that are the same for all vectors are asked before they are gone through: loads
  // do not pass a branch.
  template <bool kNormed, bool kTurned>
  __device__ void finish(const Turn& same) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const bool inside = vectors.inside(k);
      Floats<T> wide = widen<T>(x[k]);
      if constexpr (kNormed) {
        const unsigned from = p.across ? vectors.channel(k) : within(k);
        const Floats<T> weight =
            inside ? load(static_cast<const T*>(p.weight) + from) : Floats<T>{};
#pragma unroll
        for (int v = 0; v < V; ++v) wide.v[v] *= factor[k] * weight.v[v];
      }
      if constexpr (kTurned) {
        Turn turn = same;
        if constexpr (!kSame) turn.read(p, at, within(k));
        turn.turn(p, within(k), wide);
      }
      x[k] = narrow(wide);
    }
  }

  __device__ void write() {
    T* row = row_of<T>(p.y, at);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      if (at.live && vectors.inside(k)) {
        *reinterpret_cast<uint4*>(vectors.of(row, k)) = x[k];
      }
    }
  }
};

template <class T, int N, bool kHalves, bool kSame>
__global__ void __launch_bounds__(kRowMaxLanes) norm_rotate_kernel(NormRotate p, unsigned piece) {
  Token<T, N, kHalves, kSame> token(p, piece);
  load_once(row_of<T>(p.x, token.at), token.vectors, token.x);
  const bool normed = p.weight != nullptr, turned = p.cosine.data != nullptr;
  Angles<T, kHalves> same;
  if (kSame && turned) same.read(p, token.at, token.within(0));
  if (normed) token.normalise();
  if (normed && turned) {
    token.template finish<true, true>(same);
  } else if (normed) {
    token.template finish<true, false>(same);
  } else if (turned) {
    token.template finish<false, true>(same);
  }
  token.write();
}

template <class T, bool kHalves, bool kSame>
cudaError_t run(const NormRotate& p, const RowLayout& layout, cudaStream_t stream) {
  return with_vectors<kDeepVectors>(layout, [&](auto vectors) {
    return launch(norm_rotate_kernel<T, decltype(vectors)::value, kHalves, kSame>,
                  layout.grid(p.batches * p.tokens), layout.block(), stream, p,
                  layout.piece * kWidth<T>);
  });
}

}  // namespace

bool norm_rotate_supported(const NormRotate& p) {
  const int width = vector_width(p.dtype);
  if (p.batches < 1 || p.tokens < 1 || p.tokens >= (int64_t{1} << 31) / p.batches) return false;
  if (p.heads < 1 || p.head_dim < width || p.head_dim % width != 0) return false;
  const int lanes = head_lanes(p);
  if (!is_power_of_two(lanes) || lanes > 32) return false;
  if (p.cosine.data != nullptr && p.halves && p.head_dim < 2 * width) return false;
  return layout_of(p).lanes > 0;
}

cudaError_t norm_rotate(const NormRotate& p, cudaStream_t stream) {
  const RowLayout layout = layout_of(p);
  const bool same = layout.lanes * vector_width(p.dtype) % p.head_dim == 0;
  return with_type(p.dtype, [&](auto element) {
    using T = decltype(element);
    if (p.halves) {
      return same ? run<T, true, true>(p, layout, stream) : run<T, true, false>(p, layout, stream);
    }
    return same ? run<T, false, true>(p, layout, stream) : run<T, false, false>(p, layout, stream);
  });
}

}  // namespace zoetrope::kernels
