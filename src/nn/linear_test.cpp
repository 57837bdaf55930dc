// Linear layers as a source wants them held; what a format does to values is ops/linear_test.cpp's.
#include "nn/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "nn/grouped_linear.h"
#include "ops/quantise.h"
#include "weights/quantising_source.h"
#include "weights/random_source.h"

namespace zoetrope::nn {
namespace {

using at::Tensor;
using tensor::WeightFormat;
using weights::Scope;

// Remembers what layers keep.
class Recorder final : public weights::ParameterSource {
 public:
  explicit Recorder(weights::ParameterSource& source) : source_(source) {}
  Tensor take(const std::string& name, at::IntArrayRef shape, const weights::Init& init) override {
    return source_.take(name, shape, init);
  }
  bool has(const std::string&) const override { return true; }
  Tensor keep(const std::string& path, const Tensor& made) override {
    kept[path] = made;
    return made;
  }
  std::map<std::string, Tensor> kept;

 private:
  weights::ParameterSource& source_;
};

class LinearLayers : public testing::TestWithParam<WeightFormat> {
 protected:
  LinearLayers() : recorder_(random_), source_(recorder_, policy()) { at::manual_seed(9); }
  static weights::LinearPolicy policy() {
    weights::LinearPolicy policy;
    policy.format = GetParam();
    return policy;
  }
  Scope scope() { return Scope(source_).sub("blocks", 0); }

  static double error(const Tensor& got, const Tensor& want) {
    return ((got - want).norm() / want.norm()).item<double>();
  }
  static double bound() {
    return GetParam() == WeightFormat::kPlain  ? 1e-6
           : GetParam() == WeightFormat::kInt8 ? 0.012
           : GetParam() == WeightFormat::kFp8  ? 0.05
                                               : 0.13;
  }
  static size_t bits() {
    return GetParam() == WeightFormat::kPlain ? 32 : GetParam() == WeightFormat::kInt4 ? 4 : 8;
  }
  Tensor value(const std::string& name) const {
    return random_.parameters().at("blocks.0." + name);
  }

  weights::RandomSource random_{7};
  Recorder recorder_;
  weights::QuantisingSource source_;
};

TEST_P(LinearLayers, HoldWhatTheSourceAsksFor) {
  const Linear layer(scope().sub("a"), 64, 32), other(scope().sub("norm"), 64, 32);
  const Tensor x = at::randn({5, 64}), want = at::linear(x, value("a.weight"), value("a.bias"));
  EXPECT_LE(error(layer(x), want), bound());
  EXPECT_EQ(layer.input_format(),
            GetParam() == WeightFormat::kFp8 ? ops::RowFormat::kFp8 : ops::RowFormat::kPlain);
  EXPECT_EQ(layer.out_features(), 32);
  EXPECT_EQ(other.input_format(), ops::RowFormat::kPlain);
  EXPECT_TRUE(recorder_.kept.at("blocks.0.norm.weight").is_same(value("norm.weight")));
  EXPECT_EQ(recorder_.kept.at("blocks.0.a.weight").nbytes(), 64 * 32 * bits() / 8);
  EXPECT_EQ(recorder_.kept.contains("blocks.0.a.weight_scale"), GetParam() != WeightFormat::kPlain);
}

TEST_P(LinearLayers, TakeRowsThatAreInTheirFormat) {
  const Linear layer(scope().sub("a"), 64, 32);
  const Tensor x = at::randn({2, 5, 64});
  const ops::Rows rows =
      layer.input_format() == ops::RowFormat::kFp8 ? ops::quantise_rows(x) : ops::Rows(x);
  EXPECT_TRUE(at::equal(layer(rows), layer(x)));
  const Tensor residual = at::randn({2, 5, 32});
  EXPECT_LE(error(layer(rows, residual), residual + layer(x)), 1e-6);
}

TEST_P(LinearLayers, ActivateIntoWhatIsAskedFor) {
  const Linear layer(scope().sub("a"), 64, 32);
  const Tensor x = at::randn({5, 64});
  const Tensor want = ops::activate(layer(x), ops::Activation::kGeluTanh);
  const ops::Rows plain = layer.activated(x, ops::Activation::kGeluTanh, ops::RowFormat::kPlain);
  EXPECT_TRUE(at::equal(plain.values, want));
  const ops::Rows fp8 = layer.activated(x, ops::Activation::kGeluTanh, ops::RowFormat::kFp8);
  EXPECT_EQ(fp8.format(), ops::RowFormat::kFp8);
  EXPECT_TRUE(at::equal(ops::dequantise(fp8, at::kFloat),
                        ops::dequantise(ops::quantise_rows(want), at::kFloat)));
  const Tensor wide = at::zeros({5, 50});
  layer.into(wide.slice(1, 10, 42), x, ops::Activation::kGeluTanh);
  EXPECT_TRUE(at::equal(wide.slice(1, 10, 42), want));
}

TEST_P(LinearLayers, FuseParts) {
  const FusedLinear layer(scope(), {{"q", 64}, {"k", 16}, {"v", 32}}, 48, Bias::kPresent);
  const Tensor x = at::randn({3, 48});
  const Tensor y = layer(x);
  ASSERT_EQ(y.size(1), 112);
  int64_t at = 0;
  for (const std::string name : {"q", "k", "v"}) {
    const Tensor want = at::linear(x, value(name + ".weight"), value(name + ".bias"));
    EXPECT_LE(error(y.narrow(1, at, want.size(1)), want), bound()) << name;
    at += want.size(1);
  }
  const Tensor wide = at::zeros({3, 120});
  layer.into(wide.narrow(1, 8, 112), x);
  EXPECT_TRUE(at::equal(wide.narrow(1, 8, 112), y));
  EXPECT_EQ(recorder_.kept.size(), GetParam() == WeightFormat::kPlain ? 1U : 2U);
}

// Not of a GPU's liking: sizes that are no multiples of 16, and for int4 an odd number of inputs.
TEST_P(LinearLayers, OddShapesStayRight) {
  const Linear layer(scope().sub("a"), 37, 53);
  const FusedLinear fused(scope(), {{"q", 16}, {"k", 33}}, 32);
  const Tensor x = at::randn({64, 37}), z = at::randn({64, 32});
  EXPECT_LE(error(layer(x), at::linear(x, value("a.weight"), value("a.bias"))), bound());
  EXPECT_LE(error(fused(z).narrow(1, 16, 33), at::linear(z, value("k.weight"))), bound());
}

TEST_P(LinearLayers, GroupsAreHeldLikewise) {
  const GroupedLinear layer({scope().sub("experts", 0), scope().sub("experts", 1)}, {"w1", "w3"},
                            32, 16);
  const Tensor x = at::randn({9, 32});
  const Tensor y = layer(ops::in_format(x, layer.input_format()), at::tensor({4, 9}, at::kInt));
  for (const int64_t group : {0, 1}) {
    const Tensor rows = group == 0 ? x.slice(0, 0, 4) : x.slice(0, 4);
    for (const int64_t part : {0, 1}) {
      const std::string name = "experts." + std::to_string(group) + (part == 0 ? ".w1" : ".w3");
      const Tensor got = (group == 0 ? y.slice(0, 0, 4) : y.slice(0, 4)).narrow(1, part * 16, 16);
      EXPECT_LE(error(got, at::linear(rows, value(name + ".weight"))), bound()) << name;
    }
  }
  size_t bytes = 0;
  for (const auto& [path, kept] : recorder_.kept)
    bytes += path.ends_with("weight") ? kept.nbytes() : 0;
  EXPECT_EQ(bytes, 4 * 16 * 32 * bits() / 8);
}

INSTANTIATE_TEST_SUITE_P(All, LinearLayers,
                         testing::Values(WeightFormat::kPlain, WeightFormat::kFp8,
                                         WeightFormat::kInt8, WeightFormat::kInt4),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace zoetrope::nn
