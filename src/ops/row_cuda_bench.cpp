// GPU times of the passes over rows at the shapes of FLUX.1-dev (1024x1024), Wan2.1-14B (480p) and
// HiDream-I1 (1024x1024, two branches), and of group norms of I2VGen-XL (512x512, 16 frames, two
// branches) and of FLUX's autoencoder (1024x1024), bf16: bytes that must move, how fast they do,
// and their shares of two device copies measured beside them. One moves a gigabyte. The other moves
// as many bytes as the pass: what is left of its time is the pass's own, not the launch's or the
// flush's that the memory still writes. Modulations and tables count once.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "ops/activation.h"
#include "ops/cuda_bench.h"
#include "ops/experts.h"
#include "ops/ladder.h"
#include "ops/norm.h"
#include "ops/rotary.h"
#include "ops/row_pass.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

struct Shape {
  const char* model;
  int64_t b, n, c, heads, inner;
  bool across;  // queries are normalised across heads
  bool wide;    // the modulation is fp32
};

Tensor random(at::IntArrayRef sizes) {
  return at::randn(sizes, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
}

double megabytes(const Tensor& t) { return static_cast<double>(t.nbytes()) * 1e-6; }

// Megabytes a millisecond are gigabytes a second.
class Table {
 public:
  Table() : large_(copy_speed(2 * megabytes(from_))) {
    std::printf("\npasses over rows; a device copy moves %.0f GB/s\n", large_);
    std::printf("%-40s %9s %9s %8s %8s %8s\n", "", "MB", "us", "GB/s", "of copy", "of equal");
  }
  void row(const std::string& name, double mb, const std::function<void()>& body) const {
    const double ms = median_ms(body), speed = mb / ms;
    std::printf("%-40s %9.1f %9.1f %8.0f %7.0f%% %7.0f%%\n", name.c_str(), mb, 1000 * ms, speed,
                100 * speed / large_, 100 * speed / copy_speed(mb));
    std::fflush(stdout);
  }

 private:
  // Of `mb` megabytes read and written, at most what the tensors hold.
  double copy_speed(double mb) const {
    const auto elements = static_cast<int64_t>(mb * 1e6 / 2 / from_.element_size());
    const int64_t n = std::min(from_.numel(), elements);
    const Tensor from = from_.narrow(0, 0, n), to = to_.narrow(0, 0, n);
    return 2 * megabytes(from) / median_ms([&] { Tensor(to).copy_(from); });
  }

  const Tensor from_ = random({256 << 20}), to_ = at::empty_like(from_);
  const double large_;
};

void bench_pass(const Table& table, const std::string& name, RowPass pass) {
  for (const RowFormat format : {RowFormat::kPlain, RowFormat::kFp8}) {
    pass.format = format;
    const RowPassResult made = row_pass(pass);
    const bool sum_is_all = made.sum.defined() && made.sum.is_same(made.rows.values);
    if (sum_is_all && format == RowFormat::kFp8) continue;
    double mb = megabytes(pass.x) + megabytes(made.rows.values);
    if (pass.y.defined()) mb += megabytes(pass.y);
    if (made.sum.defined() && !sum_is_all) mb += megabytes(made.sum);
    table.row(name + (format == RowFormat::kFp8 ? " -> fp8" : ""), mb, [&] { row_pass(pass); });
  }
}

void bench_norms(const Table& table, const Shape& s) {
  const std::string model = s.model;
  const auto modulation =
      random({s.b, 1, 3 * s.c}).to(s.wide ? at::kFloat : at::kBFloat16).chunk(3, -1);
  RowPass pass;
  pass.x = random({s.b, s.n, s.c});
  pass.norm = NormKind::kLayer;
  pass.scale = modulation[0];
  pass.shift = modulation[1];
  bench_pass(table, model + " modulated norm", pass);
  pass.source = RowSource::kSum;
  pass.y = random({s.b, s.n, s.c});
  pass.gate = modulation[2];
  bench_pass(table, model + " gated sum, modulated norm", pass);
  pass.norm = NormKind::kNone;
  pass.scale = pass.shift = Tensor();
  bench_pass(table, model + " gated sum", pass);
}

void bench_activation(const Table& table, const Shape& s, bool gated) {
  RowPass pass;
  pass.x = random({s.b, s.n, gated ? 2 * s.inner : s.inner});
  pass.first = Activation::kGeluTanh;
  if (gated) {
    const auto halves = pass.x.chunk(2, -1);
    pass.source = RowSource::kProduct;
    pass.first = Activation::kSilu;
    pass.x = halves[0];
    pass.y = halves[1];
  }
  bench_pass(table, std::string(s.model) + (gated ? " swiglu" : " gelu"), pass);
}

void bench_heads(const Table& table, const Shape& s) {
  const int64_t d = s.c / s.heads;
  const Tensor qkv = random({s.b, s.n, 3, s.heads, d});
  const Tensor angle = at::rand({1, s.n, d / 2}, at::TensorOptions(at::kCUDA).dtype(at::kFloat));
  const HeadStream q{qkv.select(2, 0), random({s.across ? s.c : d}), 1e-6};
  const HeadTurn turn{angle.cos(), angle.sin()};
  table.row(std::string(s.model) + " norm and turn of queries", 2 * megabytes(q.x),
            [&] { join_heads({q}, turn); });
}

void bench_experts(const Table& table) {
  const int64_t rows = 2 * 4224, channels = 2560, chosen = 2;
  const auto options = at::TensorOptions(at::kCUDA);
  const Tensor from = random({rows * chosen, channels}), base = random({rows, channels});
  const Tensor slot = at::randperm(rows * chosen, options.dtype(at::kLong)).view({rows, chosen});
  const Tensor weight = at::rand({rows, chosen}, options.dtype(at::kFloat));
  table.row("HiDream sum of experts", megabytes(from) + 2 * megabytes(base),
            [&] { gather_sum(from, slot, weight, base); });
}

// The second reading of x does not count: a share of two thirds is as fast as a copy.
void bench_group_norm(const Table& table, const std::string& model, int64_t n, int64_t side,
                      int64_t channels) {
  const Tensor x = random({n, side, side, channels});
  const GroupNormParameters p{32, 1e-5, random({channels}), random({channels}), Activation::kSilu,
                              {}, {}};
  table.row(model + " group norm, silu " + std::to_string(side) + "x" + std::to_string(channels),
            2 * megabytes(x), [&] { group_norm(x, p); });
}

}  // namespace

void bench_rows() {
  const ForceVariant rows("row_pass", "cuda"), heads("join_heads", "cuda"),
      groups("group_norm", "cuda");
  const Table table;
  const Shape flux{"FLUX", 1, 4608, 3072, 24, 12288, false, false};
  const Shape wan{"Wan", 1, 32760, 5120, 40, 13824, true, true};
  const Shape hidream{"HiDream", 2, 4224, 2560, 20, 6912, true, false};
  for (const Shape& s : {flux, wan, hidream}) {
    bench_norms(table, s);
    bench_activation(table, s, s.inner == hidream.inner);
    bench_heads(table, s);
  }
  bench_experts(table);
  RowPass pass;  // the Wan autoencoder's norm at its last stage, four frames
  pass.x = random({1, 4 * 480 * 832, 96});
  pass.norm = NormKind::kRms;
  pass.weight = random({96});
  pass.last = Activation::kSilu;
  bench_pass(table, "Wan autoencoder rms norm, silu", pass);
  struct Size {
    int64_t side, channels;
  };
  for (const Size& s : {Size{64, 320}, Size{32, 640}, Size{16, 1280}, Size{8, 1280}}) {
    bench_group_norm(table, "I2VGen-XL", 32, s.side, s.channels);
  }
  for (const Size& s : {Size{1024, 128}, Size{512, 256}, Size{256, 512}, Size{128, 512}}) {
    bench_group_norm(table, "VAE", 1, s.side, s.channels);
  }
}

}  // namespace zoetrope::ops
