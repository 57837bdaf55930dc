// Linear layers in every weight format, on the CPU: against the dequantised weight in fp64 (tight),
// against the plain weight (what a format loses), and on inputs that break careless code.
#include "ops/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "base/status.h"
#include "ops/ladder.h"
#include "ops/quantise.h"
#include "ops/quantised_weight.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double relative_l2(const Tensor& got, const Tensor& want) {
  const Tensor w = want.to(at::kDouble);
  return (got.to(at::kDouble) - w).norm().item<double>() / (w.norm().item<double>() + 1e-30);
}

struct Layer {
  Tensor x, weight, bias;
  explicit Layer(int64_t rows = 33, int64_t in = 96, int64_t out = 48)
      : x(at::randn({2, rows, in})),
        weight(at::randn({out, in}) / std::sqrt(static_cast<double>(in))),
        bias(at::randn({out})) {}
  LinearWeight held(WeightFormat format) const {
    const LinearWeight plain = prepare_linear(weight, bias);
    return format == WeightFormat::kPlain ? plain : quantise(plain, format);
  }
};

class LinearFormats : public testing::TestWithParam<WeightFormat> {
 protected:
  void SetUp() override { at::manual_seed(testing::UnitTest::GetInstance()->random_seed()); }
};

// Sums of the same products: only fp32's own rounding is left.
TEST_P(LinearFormats, EqualTheDequantisedWeight) {
  for (const bool residual : {false, true}) {
    const Layer layer;
    const LinearWeight w = layer.held(GetParam());
    LinearFusion fusion;
    if (residual) fusion.residual = at::randn({2, 33, 48});
    Tensor x = layer.x.to(at::kDouble);
    if (GetParam() == WeightFormat::kFp8) x = dequantise(quantise_rows(layer.x), at::kDouble);
    Tensor want = at::linear(x, dequantise(w, at::kDouble), layer.bias.to(at::kDouble));
    if (residual) want = want + fusion.residual;
    EXPECT_LE(relative_l2(linear(layer.x, w, fusion), want), 1e-6);
    const ForceVariant force("linear", "reference");
    EXPECT_LE(relative_l2(linear(layer.x, w, fusion), want), 1e-6);
  }
}

// What is printed goes into docs/quantisation.md.
TEST_P(LinearFormats, LoseNoMoreThanTheirBits) {
  const double bound = GetParam() == WeightFormat::kFp8    ? 0.045
                       : GetParam() == WeightFormat::kInt8 ? 0.012
                       : GetParam() == WeightFormat::kInt4 ? 0.12
                                                           : 1e-6;
  for (const bool outliers : {false, true}) {
    Layer layer(100, 512, 256);
    if (outliers) layer.x.narrow(2, 0, 3).mul_(60);
    const Tensor want = at::linear(layer.x, layer.weight, layer.bias);
    const double error = relative_l2(linear(layer.x, layer.held(GetParam())), want);
    EXPECT_LE(error, bound);
    std::printf("%s%s: relative error %.4f\n", std::string(to_string(GetParam())).c_str(),
                outliers ? ", three channels of x 60 times the others" : "", error);
  }
}

// A checkpoint in fp8 loses nothing a second time.
TEST(QuantisedWeight, Fp8ValuesStayWhatTheyAre) {
  at::manual_seed(2);
  const Tensor weight = (at::randn({40, 300}) * 0.02).to(at::kFloat8_e4m3fn).to(at::kFloat);
  const LinearWeight w = quantise(prepare_linear(weight, {}), WeightFormat::kFp8);
  EXPECT_TRUE(at::equal(dequantise(w, at::kFloat), weight));
  // Smaller or larger than fp8 goes, too.
  const LinearWeight scaled = quantise(prepare_linear(weight * 0x1p-20, {}), WeightFormat::kFp8);
  EXPECT_TRUE(at::equal(dequantise(scaled, at::kFloat), weight * 0x1p-20));
}

TEST_P(LinearFormats, PowersOfTwoAreExact) {
  const Tensor exponents = at::randint(-2, 1, {32, 64}, at::kFloat);
  Tensor weight = at::exp2(exponents) * at::randint(0, 2, {32, 64}, at::kFloat).mul(2).sub(1);
  weight.select(1, 0).fill_(1);  // the largest of every row
  if (GetParam() == WeightFormat::kInt8 || GetParam() == WeightFormat::kInt4) {
    weight = weight.sign();  // the only ones that 127 and 7 steps hit
  }
  const LinearWeight plain = prepare_linear(weight, {});
  const LinearWeight w = GetParam() == WeightFormat::kPlain ? plain : quantise(plain, GetParam());
  EXPECT_TRUE(at::allclose(dequantise(w, at::kDouble), weight.to(at::kDouble),
                           GetParam() == WeightFormat::kInt4 ? 4e-3 : 1e-7, 0));
}

TEST_P(LinearFormats, ZerosStayZeros) {
  Layer layer;
  layer.x.select(1, 3).zero_();
  layer.weight.select(0, 5).zero_();
  const Tensor y = linear(layer.x, layer.held(GetParam()));
  EXPECT_TRUE(at::equal(y.select(1, 3), layer.bias.expand({2, -1})));
  EXPECT_TRUE((y.select(2, 5) == layer.bias[5]).all().item<bool>());
}

TEST_P(LinearFormats, NaNAndInfinityStayInTheirRow) {
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    Layer layer;
    const LinearWeight w = layer.held(GetParam());
    const Tensor clean = linear(layer.x, w);
    layer.x[1][7][11] = bad;
    const Tensor y = linear(layer.x, w);
    EXPECT_FALSE(y[1][7].isfinite().any().item<bool>()) << bad;
    Tensor rest = y.clone();
    rest[1][7].copy_(clean[1][7]);
    EXPECT_TRUE(at::equal(rest, clean));
  }
}

TEST_P(LinearFormats, WriteIntoSlices) {
  const Layer layer;
  const LinearWeight w = layer.held(GetParam());
  for (const Activation activation : {Activation::kNone, Activation::kGeluTanh}) {
    LinearFusion fusion;
    fusion.activation = activation;
    const Tensor want = linear(layer.x, w, fusion);
    EXPECT_TRUE(at::equal(want, activate(linear(layer.x, w), activation)));
    const Tensor wide = at::full({2, 40, 100}, -5.0);
    fusion.out = wide.slice(1, 4, 37).slice(2, 16, 64);
    EXPECT_TRUE(linear(layer.x, w, fusion).is_same(fusion.out));
    EXPECT_TRUE(at::equal(fusion.out, want));
    EXPECT_EQ((wide != -5.0).sum().item<int64_t>(), want.numel()) << "wrote beside the slice";
  }
}

TEST_P(LinearFormats, RowsDoNotNoticeEachOther) {
  const Layer layer(200);
  const LinearWeight w = layer.held(GetParam());
  const Tensor all = linear(layer.x, w);
  EXPECT_TRUE(at::equal(all[1], linear(layer.x[1].clone(), w)));
  Tensor other = layer.x.clone();
  other[0].mul_(1000);  // an outlier beside it
  EXPECT_TRUE(at::equal(all[1], linear(other, w)[1]));
}

TEST_P(LinearFormats, JoinedLayersEqualTheParts) {
  const Layer one(5), two(5);
  const LinearWeight a = one.held(GetParam()), b = two.held(GetParam());
  const Tensor y = linear(one.x, join_linears({a, b}));
  EXPECT_LE(relative_l2(y.slice(-1, 0, 48), linear(one.x, a)), 1e-6);
  EXPECT_LE(relative_l2(y.slice(-1, 48), linear(one.x, b)), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, LinearFormats,
                         testing::Values(WeightFormat::kPlain, WeightFormat::kFp8,
                                         WeightFormat::kInt8, WeightFormat::kInt4),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(QuantisedRows, SaturateAtTheLargestCode) {
  const Tensor x = at::tensor({3.0, -7.0, 7.0, 0.001, 1e30, -1e30, 5e29, 0.0}).view({2, 4});
  const Rows rows = quantise_rows(x.to(at::kFloat));
  const Tensor codes = rows.values.to(at::kFloat);
  EXPECT_EQ(codes[0][1].item<float>(), -448);
  EXPECT_EQ(codes[0][2].item<float>(), 448);
  EXPECT_EQ(codes[1][0].item<float>(), 448);
  EXPECT_EQ(codes[1][1].item<float>(), -448);
  EXPECT_EQ(codes[1][3].item<float>(), 0);
  EXPECT_TRUE(codes.isfinite().all().item<bool>());
  // Half a step of three mantissa bits, where the code is not subnormal.
  const Tensor error = (dequantise(rows, at::kFloat) - x).abs();
  EXPECT_TRUE((error <= x.abs() / 16 + rows.scale.unsqueeze(-1) * 0x1p-10).all().item<bool>());
}

// A row of which one channel is 60 times the others: the rest must keep their relative error.
TEST(QuantisedRows, OutliersDoNotSpoilTheRest) {
  at::manual_seed(5);
  Tensor x = at::randn({64, 512});
  x.narrow(1, 0, 3).mul_(60);
  const Tensor rest = x.narrow(1, 3, 509);
  EXPECT_LE(relative_l2(dequantise(quantise_rows(x), at::kFloat).narrow(1, 3, 509), rest), 0.035);
}

TEST(QuantisedWeight, Int4KeepsItsRaggedGroup) {
  at::manual_seed(3);
  for (const int64_t in : {2, 62, 64, 66, 130}) {
    const Tensor weight = at::randn({5, in});
    const LinearWeight w = quantise(prepare_linear(weight, {}), WeightFormat::kInt4);
    EXPECT_EQ(w.in_features(), in);
    EXPECT_EQ(w.weight.nbytes(), static_cast<size_t>(5 * in / 2));
    const Tensor wide = dequantise(w, at::kFloat);
    EXPECT_LE((wide - weight).abs().max().item<float>(),
              weight.abs().max().item<float>() / 14 * 1.02);
    const ForceVariant force("dequantise", "reference");
    EXPECT_TRUE(at::equal(dequantise(w, at::kFloat), wide));
  }
}

TEST(QuantisedWeight, OnlyShapesThatHold) {
  EXPECT_TRUE(holds(WeightFormat::kFp8, 33, 7));
  EXPECT_FALSE(holds(WeightFormat::kFp8, 0, 7));
  EXPECT_FALSE(holds(WeightFormat::kInt4, 32, 7));
  EXPECT_TRUE(holds(WeightFormat::kInt8, 1, 7));
  EXPECT_THROW(quantise(prepare_linear(at::ones({33, 7}), {}), WeightFormat::kInt4), base::Error);
}

TEST(QuantisedRows, AreNotForOtherWeights) {
  const Layer layer;
  EXPECT_THROW(linear(quantise_rows(layer.x), layer.held(WeightFormat::kInt8)), base::Error);
}

}  // namespace
}  // namespace zoetrope::ops
