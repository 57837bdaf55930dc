// The variants of row_pass and join_heads against the fp64 reference; fp8 rows count as what they
// stand for.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/status.h"
#include "ops/activation.h"
#include "ops/cuda_device.cuh"
#include "ops/kernel_testing.h"
#include "ops/ladder.h"
#include "ops/rotary.h"
#include "ops/row_pass.h"

namespace zoetrope::ops {

namespace {

using at::Tensor;
using namespace kernel_testing;

Tensor plain(const Rows& rows) {
  const Tensor values = rows.values.to(at::kDouble);
  return rows.format() == RowFormat::kPlain ? values
                                            : values * rows.scale.to(at::kDouble).unsqueeze(-1);
}

// The tensors of a pass in another dtype, where kernels run. Modulations may stay in fp32.
RowPass moved(RowPass p, at::ScalarType dtype, bool wide_modulation) {
  for (Tensor* t : {&p.x, &p.y, &p.weight, &p.bias}) {
    if (t->defined()) *t = t->to(kernel_device(), dtype);
  }
  for (Tensor* t : {&p.gate, &p.scale, &p.shift}) {
    if (t->defined()) *t = t->to(kernel_device(), wide_modulation ? at::kFloat : dtype);
  }
  return p;
}

struct Outcome {
  Tensor rows, sum;  // fp64
};

Outcome evaluate(const RowPass& pass, const char* variant) {
  const ForceVariant force("row_pass", variant);
  const RowPassResult result = row_pass(pass);
  return {plain(result.rows), result.sum.defined() ? plain(result.sum) : Tensor()};
}

void expect_near(const Tensor& got, const Tensor& want, const Tensor& naive, bool exact) {
  if (exact) {
    EXPECT_LE(relative_l2(got, want), 1e-5);
    return;
  }
  expect_no_worse_than(naive, got, want);
}

struct Case {
  std::string label;
  RowPass pass;  // fp64
};

class RowVariants : public OnKernelDevice<testing::TestWithParam<at::ScalarType>> {
 protected:
  // Inputs are what the dtype holds of the case's.
  void check(const Case& c, RowFormat format, bool wide_modulation) {
    SCOPED_TRACE(c.label + (format == RowFormat::kFp8 ? " fp8" : "") +
                 (wide_modulation ? " wide" : ""));
    RowPass here = moved(c.pass, GetParam(), wide_modulation);
    here.format = format;
    RowPass exact = moved(here, at::kDouble, false);
    exact.format = RowFormat::kPlain;
    const Outcome got = evaluate(here, "cuda"), again = evaluate(here, "cuda");
    const Outcome want = evaluate(exact, exact_variant()), by_aten = evaluate(here, "aten");
    const bool tight = GetParam() == at::kFloat;
    EXPECT_TRUE(at::equal(got.rows, again.rows)) << "not deterministic";
    expect_near(got.rows, want.rows, by_aten.rows, tight && format == RowFormat::kPlain);
    if (want.sum.defined()) expect_near(got.sum, want.sum, by_aten.sum, tight);
    // And the naive run is one of the variants: what a CPU runs.
    if (tight && format == RowFormat::kPlain) {
      EXPECT_LE(relative_l2(by_aten.rows, want.rows), 1e-5);
    }
  }
};

struct Size {
  int64_t b, n, c;
};

RowPass of(const Tensor& x) {
  RowPass p;
  p.x = x;
  return p;
}

// Scale, shift and gate as slices of one modulation product.
RowPass modulated(RowPass p, const Size& s) {
  const auto m = random({s.b, 1, 3 * s.c}).chunk(3, -1);
  p.norm = NormKind::kLayer;
  p.scale = m[0];
  p.shift = m[1];
  if (p.source == RowSource::kSum) p.gate = m[2];
  return p;
}

std::vector<Case> cases(const Size& s) {
  const std::string label =
      std::to_string(s.b) + "x" + std::to_string(s.n) + "x" + std::to_string(s.c) + " ";
  const Tensor x = random({s.b, s.n, s.c}) * 3 + 1, y = random({s.b, s.n, s.c});
  std::vector<Case> all;
  const auto add = [&](const char* name, const RowPass& p) { all.push_back({label + name, p}); };
  add("modulated", modulated(of(x), s));
  add("quantise", of(x));
  RowPass p = of(x);
  p.scale = random({s.b, s.n, s.c});
  p.shift = random({s.b, s.n, s.c});
  p.norm = NormKind::kLayer;
  add("modulated by token", p);
  p = of(x);
  p.source = RowSource::kSum;
  p.y = y;
  add("sum", p);
  add("gated sum modulated", modulated(p, s));
  p.gate = random({1, 1, s.c});
  add("gated sum", p);
  p.norm = NormKind::kLayer;
  p.weight = random({s.c});
  p.bias = random({s.c});
  add("gated sum layer norm", p);
  p = of(x);
  p.norm = NormKind::kRms;
  p.weight = random({s.c});
  add("rms", p);
  p.last = Activation::kSilu;
  add("rms silu", p);
  p = of(x);
  p.first = Activation::kGeluTanh;
  add("gelu", p);
  const auto halves = random({s.b, s.n, 2 * s.c}).chunk(2, -1);
  p = of(halves[0]);
  p.source = RowSource::kProduct;
  p.y = halves[1];
  p.first = Activation::kSilu;
  add("swiglu", p);
  return all;
}

TEST_P(RowVariants, AgreeWithTheReference) {
  // Rows that share a block and that fill one or several; the last lane, warp or piece full or not.
  std::vector<Size> sizes = {{1, 1, 8},    {2, 3, 16},   {1, 300, 96}, {2, 5, 320},
                             {3, 2, 1016}, {2, 9, 1048}, {1, 3, 2560}, {1, 3, 3072},
                             {2, 2, 5120}, {1, 2, 5128}, {1, 2, 8192}, {1, 1, 12288}};
  if (GetParam() == at::kBFloat16) {
    sizes.insert(sizes.end(), {{1, 2, 6912}, {1, 1, 13824}, {1, 1, 16392}, {1, 1, 24576}});
  }
  if (runs_big_problems()) {
    sizes.insert(sizes.end(), {{1, 4608, 3072}, {2, 4224, 2560}, {1, 3000, 5120}, {2, 70000, 96}});
  }
  for (const Size& s : sizes) {
    for (const Case& c : cases(s)) {
      for (const RowFormat format : {RowFormat::kPlain, RowFormat::kFp8}) {
        check(c, format, false);
        if (c.pass.scale.defined() || c.pass.gate.defined()) check(c, format, true);
      }
    }
  }
}

// Zeros, rows of very different size, one huge value in a row.
TEST_P(RowVariants, HardRows) {
  const Size s{1, 6, 64};
  for (Case c : cases(s)) {
    c.pass.x = c.pass.x.clone();
    c.pass.x[0][0].zero_();
    c.pass.x[0][1].mul_(1e-6);
    c.pass.x[0][2].mul_(1e6);
    c.pass.x[0][3][17] = 3e5;
    for (const RowFormat format : {RowFormat::kPlain, RowFormat::kFp8}) {
      RowPass here = moved(c.pass, GetParam(), false);
      here.format = format;
      RowPass exact = moved(here, at::kDouble, false);
      exact.format = RowFormat::kPlain;
      const Tensor got = evaluate(here, "cuda").rows, want = evaluate(exact, exact_variant()).rows;
      const Tensor by_aten = evaluate(here, "aten").rows;
      for (int64_t row = 0; row < s.n; ++row) {  // each on its own scale
        SCOPED_TRACE(c.label + " row " + std::to_string(row));
        expect_near(got[0][row], want[0][row], by_aten[0][row],
                    GetParam() == at::kFloat && format == RowFormat::kPlain);
      }
    }
  }
}

TEST_P(RowVariants, NanStaysInItsRow) {
  for (const Case& c : cases({1, 4, 200})) {
    for (const RowFormat format : {RowFormat::kPlain, RowFormat::kFp8}) {
      SCOPED_TRACE(c.label);
      RowPass p = moved(c.pass, GetParam(), false);
      p.format = format;
      const Tensor clean = evaluate(p, "cuda").rows;
      p.x = p.x.clone();
      p.x[0][2][190] = std::numeric_limits<double>::quiet_NaN();
      for (const char* variant : {"cuda", "aten"}) {
        const Tensor got = evaluate(p, variant).rows[0];
        EXPECT_TRUE(got[2][190].isnan().item<bool>());
        if (format == RowFormat::kFp8 || p.norm != NormKind::kNone) {
          EXPECT_TRUE(got[2].isnan().all().item<bool>());
        }
        EXPECT_FALSE(got[1].isnan().any().item<bool>());
        EXPECT_FALSE(got[3].isnan().any().item<bool>());
      }
      EXPECT_TRUE(at::equal(evaluate(p, "cuda").rows[0][3], clean[0][3]));
    }
  }
}

// The quantiser alone has nothing to round differently: bytes equal at::'s.
TEST_P(RowVariants, QuantisedBytesAreAtens) {
  Tensor x = random({1, 40, 264}).to(GetParam());
  x[0][3].zero_();
  x[0][4].mul_(1e-35);
  x[0][5].mul_(1e30);
  RowPass p = of(x);
  p.format = RowFormat::kFp8;
  const auto bytes = [&](const char* variant, at::Device device) {
    const ForceVariant force("row_pass", variant);
    RowPass there = p;
    there.x = x.to(device);
    const Rows rows = row_pass(there).rows;
    EXPECT_EQ(rows.format(), RowFormat::kFp8);
    EXPECT_EQ(rows.scale.sizes(), at::IntArrayRef({1, 40}));
    return std::vector<Tensor>{rows.values.view(at::kByte).cpu(), rows.scale.cpu()};
  };
  const auto got = bytes("cuda", kernel_device()), want = bytes("aten", at::kCPU);
  EXPECT_TRUE(at::equal(got[0], want[0]));
  EXPECT_TRUE(at::equal(got[1], want[1]));
  EXPECT_EQ(want[0][0][3].abs().sum().item<int64_t>(), 0);
}

TEST_P(RowVariants, TokensAreTheSameAloneAndTogether) {
  for (const Case& c : cases({2, 37, 96})) {
    SCOPED_TRACE(c.label);
    const RowPass all = moved(c.pass, GetParam(), false);
    RowPass one = all;
    for (Tensor* t : {&one.x, &one.y, &one.gate, &one.scale, &one.shift}) {
      if (!t->defined()) continue;
      if (t->size(0) == 2) *t = t->narrow(0, 1, 1);
      if (t->size(1) == 37) *t = t->narrow(1, 30, 1);
    }
    EXPECT_TRUE(at::equal(evaluate(all, "cuda").rows[1][30], evaluate(one, "cuda").rows[0][0]));
  }
}

// Rows between other channels, as slices of a wider product are.
TEST_P(RowVariants, StridedRowsAreTheSame) {
  const int64_t c = 1048;
  for (const Case& k : cases({2, 5, c})) {
    for (const RowFormat format : {RowFormat::kPlain, RowFormat::kFp8}) {
      SCOPED_TRACE(k.label);
      RowPass p = moved(k.pass, GetParam(), false);
      p.format = format;
      const Tensor packed = evaluate(p, "cuda").rows;
      const Tensor wide = at::full({2, 5, c + 64}, 1e6, p.x.options());
      const Tensor between = wide.narrow(-1, 32, c);
      p.x = between.copy_(p.x);
      EXPECT_TRUE(at::equal(evaluate(p, "cuda").rows, packed));
    }
  }
}

// Tails that fill no vector, and rows off the 16-byte boundaries, are aten's.
TEST_P(RowVariants, WhatTheKernelRefuses) {
  const auto options = at::TensorOptions(kernel_device()).dtype(GetParam());
  const Tensor odd = random({1, 5, 37}).to(options);
  const Tensor shifted = random({1, 5, 66}).to(options).narrow(-1, 1, 64);
  for (const Tensor& x : {odd, shifted}) {
    RowPass p = of(x);
    p.norm = NormKind::kRms;
    {
      const ForceVariant force("row_pass", "cuda");
      EXPECT_THROW(row_pass(p), base::Error);
    }
    EXPECT_TRUE(at::equal(plain(row_pass(p).rows), evaluate(p, "aten").rows));
  }
}

struct HeadsCase {
  std::string label;
  std::vector<HeadStream> streams;  // fp64
  HeadTurn turn;
};

HeadsCase heads_case(const std::vector<int64_t>& tokens, int64_t b, int64_t heads, int64_t d,
                     bool across, RotaryPairs pairs, bool turned = true) {
  HeadsCase c;
  c.label = std::to_string(heads) + " heads of " + std::to_string(d) + (across ? " across" : "") +
            (pairs == RotaryPairs::kHalves ? " halves" : "") + (turned ? "" : " unturned");
  int64_t all = 3;  // positions to spare
  for (const int64_t n : tokens) {
    const Tensor qkv = random({b, n, 3, heads, d}) * 2;
    c.streams.push_back({qkv.select(2, 1), random({across ? heads * d : d}), 1e-6});
    all += n;
  }
  if (turned) {
    const Tensor angle = random({1, all, d / 2}) * 10;
    c.turn = {angle.cos().to(at::kFloat), angle.sin().to(at::kFloat), pairs};
  }
  return c;
}

// Queries lie in a slice of the fused product, in any dtype.
HeadsCase moved(HeadsCase c, at::ScalarType dtype) {
  for (HeadStream& s : c.streams) {
    const Tensor qkv = at::zeros({s.x.size(0), s.x.size(1), 3, s.x.size(2), s.x.size(3)},
                                 at::TensorOptions(kernel_device()).dtype(dtype));
    qkv.select(2, 1).copy_(s.x);
    s.x = qkv.select(2, 1);
    if (s.weight.defined()) s.weight = s.weight.to(kernel_device(), dtype);
  }
  if (c.turn.cosine.defined()) {
    c.turn.cosine = c.turn.cosine.to(kernel_device());
    c.turn.sine = c.turn.sine.to(kernel_device());
  }
  return c;
}

Tensor evaluate(const HeadsCase& c, const char* variant) {
  const ForceVariant force("join_heads", variant);
  return plain(join_heads(c.streams, c.turn));
}

TEST_P(RowVariants, HeadsAgreeWithTheReference) {
  using enum RotaryPairs;
  std::vector<HeadsCase> all = {heads_case({5, 9}, 2, 3, 64, false, kNeighbours),
                                heads_case({7}, 1, 24, 128, false, kNeighbours),
                                heads_case({3, 4}, 1, 24, 128, false, kNeighbours, false),
                                heads_case({4}, 2, 12, 128, true, kNeighbours),
                                heads_case({2, 3}, 2, 40, 128, true, kNeighbours),
                                heads_case({2}, 1, 20, 128, true, kNeighbours),
                                heads_case({2}, 1, 40, 128, false, kNeighbours),
                                heads_case({2}, 1, 70, 128, false, kHalves),
                                heads_case({3}, 2, 7, 96, true, kNeighbours),
                                heads_case({6}, 1, 5, 24, true, kNeighbours),
                                heads_case({6}, 2, 3, 64, false, kHalves),
                                heads_case({3}, 1, 8, 128, true, kHalves),
                                heads_case({300}, 1, 1, 16, false, kHalves),
                                heads_case({40, 1}, 3, 2, 16, false, kNeighbours)};
  all.back().streams[1].weight = Tensor();  // a stream without a norm
  if (runs_big_problems()) {
    all.push_back(heads_case({512, 4096}, 1, 24, 128, false, kNeighbours));
    all.push_back(heads_case({4096, 128}, 2, 20, 128, true, kNeighbours));
  }
  for (const HeadsCase& c : all) {
    SCOPED_TRACE(c.label);
    const HeadsCase here = moved(c, GetParam());
    const Tensor want = evaluate(moved(here, at::kDouble), exact_variant());
    const Tensor got = evaluate(here, "cuda"), by_aten = evaluate(here, "aten");
    EXPECT_TRUE(at::equal(got, evaluate(here, "cuda"))) << "not deterministic";
    expect_near(got, want, by_aten, GetParam() == at::kFloat);
    if (GetParam() == at::kFloat) {
      EXPECT_LE(relative_l2(by_aten, want), 1e-5);
    }
  }
}

TEST_P(RowVariants, HeadsOfOneStreamDoNotNoticeTheOther) {
  HeadsCase c = heads_case({4, 6}, 2, 3, 64, false, RotaryPairs::kNeighbours);
  c = moved(c, GetParam());
  const Tensor together = evaluate(c, "cuda");
  c.streams.pop_back();
  EXPECT_TRUE(at::equal(together.narrow(1, 0, 4), evaluate(c, "cuda")));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, RowVariants, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(at::toString(info.param)); });

}  // namespace
}  // namespace zoetrope::ops
