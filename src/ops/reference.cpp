#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ops/problems.h"
#include "ops/rotary_problem.h"

namespace zoetrope::ops::reference {
namespace {

at::Tensor widen(const at::Tensor& t) { return t.to(at::kDouble).contiguous(); }

// Empty for an undefined tensor.
const double* data(const at::Tensor& t) {
  return t.defined() ? t.const_data_ptr<double>() : nullptr;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Moments {
  double mean = 0;
  double rstd = 0;
};

// Of the values x[offset(i)], i < count.
template <class Offset>
Moments moments(const double* x, int64_t count, double eps, Offset offset) {
  double sum = 0, square = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[offset(i)];
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) square += (x[offset(i)] - mean) * (x[offset(i)] - mean);
  return {mean, 1 / std::sqrt(square / static_cast<double>(count) + eps)};
}

// q [nq, d], k and v [nk, d] with rows `stride` apart -> out rows `out_stride` apart. `bias` gives
// what is added to the score of query i and key j.
template <class Bias>
void attend(const double* q, const double* k, const double* v, double* out, int64_t nq, int64_t nk,
            int64_t d, int64_t stride, Bias bias) {
  std::vector<double> score(static_cast<size_t>(nk));
  for (int64_t i = 0; i < nq; ++i) {
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < nk; ++j) {
      double dot = 0;
      for (int64_t e = 0; e < d; ++e) dot += q[i * stride + e] * k[j * stride + e];
      score[j] = dot / std::sqrt(static_cast<double>(d)) + bias(i, j);
      largest = std::max(largest, score[j]);
    }
    double total = 0;
    for (double& s : score) total += s = std::exp(s - largest);
    for (int64_t e = 0; e < d; ++e) {
      double sum = 0;
      for (int64_t j = 0; j < nk; ++j) sum += score[j] * v[j * stride + e];
      out[i * stride + e] = sum / total;
    }
  }
}

}  // namespace

at::Tensor group_norm(const GroupNormProblem& problem) {
  const GroupNormParameters& p = problem.p;
  const int64_t n = problem.x.size(0), c = problem.x.size(-1), groups = p.groups;
  const int64_t width = c / groups, positions = problem.x.numel() / (n * c);
  at::Tensor y = widen(problem.x).clone();
  const at::Tensor weight = widen(p.weight), bias = widen(p.bias);
  const at::Tensor scale = p.scale.defined() ? widen(p.scale) : p.scale;
  const at::Tensor shift = p.shift.defined() ? widen(p.shift) : p.shift;
  for (int64_t sample = 0; sample < n; ++sample) {
    for (int64_t g = 0; g < groups; ++g) {
      double* x = y.data_ptr<double>() + sample * positions * c + g * width;
      const auto at = [&](int64_t i) { return i / width * c + i % width; };
      const Moments m = moments(x, positions * width, p.eps, at);
      for (int64_t i = 0; i < positions * width; ++i) {
        const int64_t channel = g * width + i % width;
        double z = (x[at(i)] - m.mean) * m.rstd * data(weight)[channel] + data(bias)[channel];
        if (data(scale)) {
          z = z * (1 + data(scale)[sample * c + channel]) + data(shift)[sample * c + channel];
        }
        x[at(i)] = p.activation == Activation::kSilu ? z * sigmoid(z) : z;
      }
    }
  }
  return y.to(problem.x.scalar_type());
}

at::Tensor layer_norm(const LayerNormProblem& problem) {
  const int64_t c = problem.x.size(-1), rows = problem.x.numel() / c;
  at::Tensor y = widen(problem.x).clone();
  const at::Tensor weight = widen(problem.weight), bias = widen(problem.bias);
  for (int64_t row = 0; row < rows; ++row) {
    double* x = y.data_ptr<double>() + row * c;
    const Moments m = moments(x, c, problem.eps, [](int64_t i) { return i; });
    for (int64_t i = 0; i < c; ++i) {
      x[i] = (x[i] - m.mean) * m.rstd * data(weight)[i] + data(bias)[i];
    }
  }
  return y.to(problem.x.scalar_type());
}

at::Tensor geglu(const GegluProblem& problem) {
  const at::Tensor x = widen(problem.x);
  const int64_t c = x.size(-1) / 2, rows = x.numel() / (2 * c);
  auto sizes = x.sizes().vec();
  sizes.back() = c;
  at::Tensor y = at::empty(sizes, x.options());
  for (int64_t i = 0; i < rows * c; ++i) {
    const double* pair = data(x) + i / c * 2 * c + i % c;
    const double gate = pair[c];
    y.data_ptr<double>()[i] = pair[0] * gate * 0.5 * (1 + std::erf(gate * std::sqrt(0.5)));
  }
  return y.to(problem.x.scalar_type());
}

at::Tensor dequantise(const DequantiseProblem& problem) {
  const LinearWeight& w = problem.w;
  const int64_t out = w.weight.size(0), in = w.in_features(), groups = w.scale.numel() / out;
  const bool packed = w.format == WeightFormat::kInt4;
  const at::Tensor codes = widen(w.weight.to(at::kFloat)), scale = widen(w.scale);
  at::Tensor y = at::empty({out, in}, codes.options());
  for (int64_t i = 0; i < out * in; ++i) {
    const int64_t row = i / in, column = i % in;
    double code = data(codes)[packed ? i / 2 : i];
    if (packed) {
      const auto byte = static_cast<int>(code);
      code = (column % 2 == 0 ? byte % 16 : byte / 16) - 8;
    }
    const int64_t group = packed ? column / 64 : 0;
    y.data_ptr<double>()[i] = code * data(scale)[row * groups + group];
  }
  return y.to(problem.dtype);
}

at::Tensor linear(const LinearProblem& problem) {
  const LinearFusion& f = problem.fusion;
  at::Tensor x = widen(problem.x);
  if (problem.row_scale.defined()) x = x * widen(problem.row_scale).unsqueeze(-1);
  const at::Tensor weight = problem.w.format == WeightFormat::kPlain
                                ? widen(problem.w.weight)
                                : dequantise({problem.w, at::kDouble});
  const at::Tensor bias = problem.w.bias.defined() ? widen(problem.w.bias) : problem.w.bias;
  const int64_t out = weight.size(0), in = weight.size(1), rows = x.numel() / in;
  if (f.norm_weight.defined()) x = layer_norm({x, f.norm_weight, f.norm_bias, f.norm_eps});
  if (f.position.defined()) {
    const at::Tensor table = widen(f.position);
    x = x.clone();
    for (int64_t i = 0; i < rows * in; ++i) {
      const int64_t place = i / in / f.position_repeat % table.size(0);
      x.data_ptr<double>()[i] += data(table)[place * in + i % in];
    }
  }
  auto sizes = x.sizes().vec();
  sizes.back() = out;
  at::Tensor y = at::empty(sizes, x.options());
  for (int64_t i = 0; i < rows * out; ++i) {
    double sum = bias.defined() ? data(bias)[i % out] : 0;
    for (int64_t e = 0; e < in; ++e)
      sum += data(x)[i / out * in + e] * data(weight)[i % out * in + e];
    y.data_ptr<double>()[i] = sum;
  }
  if (problem.w.gated) y = geglu({y});
  y = activate(y, f.activation);
  if (f.residual.defined()) y = y + widen(f.residual);
  y = y.to(problem.w.result_dtype());
  return f.out.defined() ? f.out.copy_(y) : y;
}

at::Tensor conv(const ConvProblem& problem) {
  const auto& [stride, padding, enlarging] = problem.w.geometry;
  const int64_t factor = problem.enlarges() ? 2 : 1;
  const at::Tensor x = widen(problem.x), weight = widen(problem.w.weight);
  const int64_t n = x.size(0), h = problem.height, w = problem.width, in = x.size(3);
  const int64_t out = weight.size(0), kh = weight.size(2), kw = weight.size(3);
  const int64_t rows = (h + 2 * padding[0] - kh) / stride[0] + 1;
  const int64_t columns = (w + 2 * padding[1] - kw) / stride[1] + 1;
  at::Tensor y = at::zeros({n, rows, columns, out}, x.options());
  if (problem.w.bias.defined()) y = y + widen(problem.w.bias);
  const int64_t count = rows * columns * out;
  for (int64_t i = 0; i < n * count * kh * kw; ++i) {
    const int64_t result = i / (kh * kw), tap = i % (kh * kw);
    const int64_t row = result % count / (columns * out) * stride[0] + tap / kw - padding[0];
    const int64_t column = result / out % columns * stride[1] + tap % kw - padding[1];
    if (row < 0 || row >= h || column < 0 || column >= w) continue;
    const double* pixel =
        data(x) + ((result / count * x.size(1) + row / factor) * x.size(2) + column / factor) * in;
    for (int64_t e = 0; e < in; ++e) {
      y.data_ptr<double>()[result] +=
          pixel[e] * data(weight)[(result % out * in + e) * kh * kw + tap];
    }
  }
  return y.to(problem.x.scalar_type());
}

at::Tensor normed_conv(const NormedConvProblem& problem) {
  const at::Tensor wide = widen(problem.x);
  at::Tensor y =
      conv({group_norm({wide, problem.norm}), problem.w, wide.size(1), wide.size(2), {}});
  if (problem.residual.defined()) y = y + widen(problem.residual);
  return y.to(problem.x.scalar_type());
}

at::Tensor attention(const AttentionProblem& problem) {
  const at::Tensor q = widen(problem.q), k = widen(problem.k), v = widen(problem.v);
  const int64_t b = q.size(0), nq = q.size(1), heads = q.size(2), d = q.size(3), nk = k.size(1);
  at::Tensor additive;
  if (problem.mask.additive.defined()) {
    additive = widen(problem.mask.additive.expand({b, heads, nq, nk}));
  }
  at::Tensor out = at::empty_like(q);
  for (int64_t problem_index = 0; problem_index < b * heads; ++problem_index) {
    const int64_t sample = problem_index / heads, head = problem_index % heads;
    const int64_t query = (sample * nq * heads + head) * d, key = (sample * nk * heads + head) * d;
    const auto bias = [&](int64_t i, int64_t j) {
      if (problem.mask.causal && j > i) return -std::numeric_limits<double>::infinity();
      return additive.defined() ? data(additive)[(problem_index * nq + i) * nk + j] : 0.0;
    };
    attend(data(q) + query, data(k) + key, data(v) + key, out.data_ptr<double>() + query, nq, nk, d,
           heads * d, bias);
  }
  return out.to(problem.q.scalar_type());
}

at::Tensor temporal_attention(const TemporalAttentionProblem& problem) {
  const at::Tensor q = widen(problem.q), k = widen(problem.k), v = widen(problem.v);
  const int64_t frames = q.size(1), d = q.size(4), row = q.size(2) * q.size(3) * d;
  at::Tensor out = at::empty_like(q);
  for (int64_t i = 0; i < q.numel() / (frames * d); ++i) {
    const int64_t at = i * d / row * frames * row + i * d % row;
    attend(data(q) + at, data(k) + at, data(v) + at, out.data_ptr<double>() + at, frames, frames, d,
           row, [](int64_t, int64_t) { return 0.0; });
  }
  return out.to(problem.q.scalar_type());
}

at::Tensor join_heads(const JoinHeadsProblem& problem) {
  std::vector<at::Tensor> parts;
  for (const HeadStream& s : problem.streams) {
    parts.push_back(widen(s.x).clone());
    if (!s.weight.defined()) continue;
    const at::Tensor weight = widen(s.weight);
    const int64_t width = weight.size(0);
    for (int64_t i = 0; i < s.x.numel(); i += width) {
      double* x = parts.back().data_ptr<double>() + i;
      double square = 0;
      for (int64_t c = 0; c < width; ++c) square += x[c] * x[c];
      const double rstd = 1 / std::sqrt(square / static_cast<double>(width) + s.eps);
      for (int64_t c = 0; c < width; ++c) x[c] *= rstd * data(weight)[c];
    }
  }
  at::Tensor y = at::cat(parts, 1);
  const at::ScalarType dtype = problem.streams.front().x.scalar_type();
  if (!problem.turn.cosine.defined()) return y.to(dtype);
  const int64_t n = y.size(1), heads = y.size(2), d = y.size(3), half = d / 2;
  const bool halves = problem.turn.pairs == RotaryPairs::kHalves;
  const auto table = [&](const at::Tensor& t) {
    return widen(t.narrow(1, 0, n).expand({y.size(0), n, half}));
  };
  const at::Tensor cosine = table(problem.turn.cosine), sine = table(problem.turn.sine);
  for (int64_t i = 0; i < y.numel() / 2; ++i) {
    const int64_t head = i / half, pair = i % half, at = head / heads * half + pair;
    double* a = y.data_ptr<double>() + head * d + (halves ? pair : 2 * pair);
    double* b = a + (halves ? half : 1);
    const double c = data(cosine)[at], s = data(sine)[at], first = *a;
    *a = first * c - *b * s;
    *b = first * s + *b * c;
  }
  return y.to(dtype);
}

}  // namespace zoetrope::ops::reference
