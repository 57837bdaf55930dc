// cuBLASLt's linear layers on a GPU, which no emulation replaces: against fp64, and that a row's
// bytes do not depend on the rows beside it, on capture or on where the result is written.
//
// Errors follow FlashAttention-3's rule: at most twice that of a naive run in the same precision,
// here ATen's, or for fp8 the rounding of the exact result, plus what fp8's accumulators lose.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops/ladder.h"
#include "ops/problems.h"
#include "ops/quantise.h"
#include "ops/quantised_weight.h"
#include "tensor/graph_capture.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

constexpr double kFp8Accumulation = 1e-3;

double relative_l2(const Tensor& got, const Tensor& want) {
  return ((got.to(at::kDouble) - want).norm() / want.norm()).item<double>();
}

struct Size {
  int64_t n, k;
};
const std::vector<Size> kSizes = {{3072, 3072}, {9216, 3072}, {3072, 12288}, {5120, 5120},
                                  {2560, 2560}, {6912, 2560}, {64, 3072},    {16, 64}};

struct Form {
  bool bias, gelu, residual;
};
const std::vector<Form> kForms = {
    {false, false, false}, {true, false, false}, {true, true, false}, {true, false, true}};

struct Layer {
  Tensor x, residual;
  LinearWeight w;
  LinearFusion fusion;

  Layer(int64_t rows, Size size, Form form, at::ScalarType dtype, WeightFormat format) {
    const auto options = at::TensorOptions(at::kCUDA).dtype(at::kFloat);
    x = at::randn({rows, size.k}, options).to(dtype);
    const Tensor weight =
        (at::randn({size.n, size.k}, options) / std::sqrt(static_cast<double>(size.k))).to(dtype);
    w.weight = weight;
    if (form.bias) w.bias = at::randn({size.n}, options).to(dtype);
    if (format != WeightFormat::kPlain) w = quantise(w, format);
    if (form.gelu) fusion.activation = Activation::kGeluTanh;
    if (form.residual) residual = at::randn({rows, size.n}, options).to(dtype);
    fusion.residual = residual;
  }

  // Rows [first, first + count) through cuBLASLt; fails where the library refuses.
  Tensor run(int64_t first, int64_t count) const {
    LinearFusion part = fusion;
    if (residual.defined()) part.residual = residual.narrow(0, first, count);
    return product(x.narrow(0, first, count), part);
  }
  Tensor run() const { return run(0, x.size(0)); }

  Tensor product(const Tensor& rows, const LinearFusion& f) const {
    const Rows in = w.row_format() == RowFormat::kFp8 ? quantise_rows(rows) : Rows(rows);
    const LinearProblem problem{in.values, in.scale, w, f};
    EXPECT_TRUE(cublaslt::supports(problem));
    const Tensor y = cublaslt::linear(problem);
    if (!y.defined()) throw std::runtime_error("cuBLASLt refuses");
    return y;
  }

  Tensor exact() const {
    Tensor in = x.to(at::kDouble);
    if (w.row_format() == RowFormat::kFp8) in = dequantise(quantise_rows(x), at::kDouble);
    Tensor y = at::matmul(in, dequantise(w, at::kDouble).t());
    if (w.bias.defined()) y = y + w.bias.to(at::kDouble);
    y = activate(y, fusion.activation);
    return residual.defined() ? y + residual.to(at::kDouble) : y;
  }
};

struct Kind {
  at::ScalarType dtype;
  WeightFormat format;
  const char* name;
};

class CublasltLinear : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
    at::manual_seed(testing::UnitTest::GetInstance()->random_seed());
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);  // NaN in at::empty
  }
  void TearDown() override { at::globalContext().setDeterministicAlgorithms(false, false); }

  static Layer layer(int64_t rows, Size size, Form form) {
    return {rows, size, form, GetParam().dtype, GetParam().format};
  }
  static std::string label(Size size, Form form) {
    return std::to_string(size.n) + " x " + std::to_string(size.k) + (form.bias ? " bias" : "") +
           (form.gelu ? " gelu" : "") + (form.residual ? " residual" : "");
  }
};

TEST_P(CublasltLinear, EqualsFp64) {
  for (const Size& size : kSizes) {
    for (const Form& form : kForms) {
      SCOPED_TRACE(label(size, form));
      const Layer l = layer(333, size, form);
      const Tensor want = l.exact();
      double allowed = 2 * relative_l2(want.to(GetParam().dtype), want) + kFp8Accumulation;
      if (GetParam().format == WeightFormat::kPlain) {
        const ForceVariant force("linear", "aten");
        allowed = 2 * relative_l2(linear(l.x, l.w, l.fusion), want);
      }
      EXPECT_LE(relative_l2(l.run(), want), allowed);
    }
  }
}

TEST_P(CublasltLinear, RowsDoNotNoticeEachOther) {
  constexpr int64_t kRows = 5000;
  for (const Size& size : kSizes) {
    for (const Form& form : kForms) {
      SCOPED_TRACE(label(size, form));
      const Layer l = layer(kRows, size, form);
      const Tensor all = l.run();
      int different = 0;
      for (const int64_t m :
           {1,   2,   3,    5,    8,    16,   31,   64,   65,   77,   128,  200,  256, 333,
            512, 600, 1000, 1024, 1025, 1536, 2000, 2048, 3000, 4096, 4097, 4608, 4999}) {
        for (const int64_t first : {int64_t{0}, (kRows - m) / 2, kRows - m}) {
          if (at::equal(l.run(first, m), all.narrow(0, first, m))) continue;
          ++different;
          ADD_FAILURE() << m << " rows from " << first;
        }
        if (different > 5) break;
      }
    }
  }
}

TEST_P(CublasltLinear, StridedRowsAndResultsAreTheSame) {
  const Size size{3072, 1536};
  for (const Form& form : kForms) {
    SCOPED_TRACE(label(size, form));
    const Layer l = layer(300, size, form);
    const Tensor want = l.run();
    const Tensor wide = at::full({300, 4096}, -3.0, want.options());
    LinearFusion into = l.fusion;
    into.out = wide.slice(1, 512, 512 + 3072);
    l.product(l.x, into);
    EXPECT_TRUE(at::equal(into.out, want));
    EXPECT_EQ((wide.slice(1, 0, 512) != -3.0).sum().item<int64_t>(), 0);
    EXPECT_EQ((wide.slice(1, 3584) != -3.0).sum().item<int64_t>(), 0);
    const Tensor padded = at::cat({l.x, l.x, l.x}, 1);
    EXPECT_TRUE(at::equal(l.product(padded.slice(1, 1536, 3072), l.fusion), want));
    // Off the 16-byte boundaries: through a copy.
    const Tensor odd = at::full({300, 3079}, -3.0, want.options());
    into.out = odd.slice(1, 3, 3075);
    l.product(l.x, into);
    EXPECT_TRUE(at::equal(into.out, want));
  }
}

// First used inside a capture, then outside, then replayed: one result.
TEST_P(CublasltLinear, CapturedEqualsEager) {
  const c10::NoGradGuard no_gradients;
  layer(4, {16, 64}, {false, false, false}).run();  // the library's handle is made
  const Layer l = layer(96, {1024, 768}, {true, true, false});
  const Rows rows = GetParam().format == WeightFormat::kFp8 ? quantise_rows(l.x) : Rows(l.x);
  Tensor y;
  auto graph = tensor::CapturedGraph::capture([&] { y = linear(rows, l.w, l.fusion); }, 0);
  graph.replay();
  const Tensor captured = y.clone();
  EXPECT_TRUE(at::equal(captured, linear(rows, l.w, l.fusion)));
  y.zero_();
  graph.replay();
  EXPECT_TRUE(at::equal(y, captured));
}

TEST_P(CublasltLinear, NaNStaysInItsRow) {
  Layer l = layer(64, {256, 256}, {true, false, false});
  const Tensor clean = l.run();
  l.x[9][100] = NAN;
  l.x[10].zero_();
  const Tensor y = l.run();
  EXPECT_TRUE(y[9].isnan().all().item<bool>());
  EXPECT_TRUE(at::equal(y[10], l.w.bias));
  EXPECT_TRUE(at::equal(y.narrow(0, 11, 53), clean.narrow(0, 11, 53)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, CublasltLinear,
                         testing::Values(Kind{at::kBFloat16, WeightFormat::kPlain, "bf16"},
                                         Kind{at::kHalf, WeightFormat::kPlain, "fp16"},
                                         Kind{at::kBFloat16, WeightFormat::kFp8, "fp8"}),
                         [](const auto& info) { return std::string(info.param.name); });

// The rungs behind cuBLASLt, and the formats that are widened first.
TEST(LinearRungs, AgreeOnTheGpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  const Form form{true, true, false};
  for (const WeightFormat format : {WeightFormat::kFp8, WeightFormat::kInt8, WeightFormat::kInt4}) {
    SCOPED_TRACE(std::string(to_string(format)));
    const Layer l(200, {1536, 1024}, form, at::kBFloat16, format);
    const Tensor want = l.exact();
    const double allowed = 2 * relative_l2(want.to(at::kBFloat16), want) + 2e-3;
    for (const char* rung : {"cublaslt", "scaled_mm", "dequantised"}) {
      if (format != WeightFormat::kFp8 && rung != std::string("dequantised")) continue;
      const ForceVariant force("linear", rung);
      EXPECT_LE(relative_l2(linear(l.x, l.w, l.fusion), want), allowed) << rung;
    }
  }
}

}  // namespace
}  // namespace zoetrope::ops
