// What the parity tests of the model families share: fixtures made by tests/oracles/make_*.py, the
// error measure, and a parameter source whose parameters are being trained.
#pragma once

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "models/generated_source.h"
#include "weights/checkpoint.h"
#include "weights/json_config.h"
#include "weights/random_source.h"
#include "weights/tensor_io.h"

namespace zoetrope::models {

// Parity in fp32: relative L2 error against the reference's fp64 result.
inline constexpr double kFp32Tolerance = 1e-5;

inline double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  const at::Tensor exact = reference.to(at::kDouble);
  return ((value.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

inline weights::JsonObject json_object(const nlohmann::json& json) {
  return weights::JsonObject::parse(json.dump(), "config.json").value_or_throw();
}

// The message of what `call` refuses.
template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

// Config::from_json takes `good`, and refuses it with each of the changes `bad` in a message that
// names the file and the changed field (of several the first).
template <typename Config>
void expect_refusals(const nlohmann::json& good, const std::vector<nlohmann::json>& bad) {
  Config::from_json(json_object(good));
  for (const nlohmann::json& changes : bad) {
    nlohmann::json json = good;
    json.update(changes);
    const std::string message = refusal([&] { Config::from_json(json_object(json)); });
    EXPECT_THAT(message, testing::HasSubstr("config.json: ")) << changes;
    EXPECT_THAT(message, testing::HasSubstr(changes.begin().key())) << changes;
  }
}

// A folder as save_pretrained writes it, with the reference's inputs and outputs.
class Fixture {
 public:
  // `model`: the folder with weights and configuration, from the top of the source tree; empty =
  // the fixture's own.
  explicit Fixture(const std::string& name, const std::string& model = {})
      : Fixture(std::string(ZOETROPE_SOURCE_DIR "/"), "tests/fixtures/models/" + name, model) {}

  weights::JsonObject config() const {
    return weights::JsonObject::read(folder_ + "/config.json").value_or_throw();
  }
  weights::CheckpointSource source(at::ScalarType dtype) const {
    return weights::CheckpointSource(weights::Checkpoint::open(folder_).value_or_throw(), dtype);
  }
  // Of a fixture made with save_generated.
  GeneratedSource generated(at::ScalarType dtype) const {
    std::ifstream file(folder_ + "/parameters.json");
    return GeneratedSource(nlohmann::json::parse(file), dtype);
  }
  const at::Tensor& operator[](const std::string& name) const { return case_.at(name); }

  // fp32: kFp32Tolerance. bf16: at most twice the error that the reference itself makes in bf16
  // (the rule of FlashAttention-3's tests).
  void expect_near(const at::Tensor& value, const std::string& name) const {
    ASSERT_EQ(value.sizes(), case_.at(name).sizes()) << name;
    const double tolerance = value.scalar_type() == at::kFloat
                                 ? kFp32Tolerance
                                 : 2.0 * case_.at(name + ".bf16_error").item<double>();
    EXPECT_LE(relative_error(value, case_.at(name)), tolerance) << name;
  }

 private:
  Fixture(const std::string& root, const std::string& fixture, const std::string& model)
      : folder_(root + (model.empty() ? fixture : model)),
        case_(weights::load_tensors(root + fixture + "/case.safetensors").value_or_throw()) {}

  std::string folder_;
  weights::ParameterMap case_;
};

// Random parameters that record gradients. Those that start at zero do not here: a closed residual
// branch would pass no gradient to the layers before its end.
class TrainedSource final : public weights::ParameterSource {
 public:
  explicit TrainedSource(at::ScalarType dtype = at::kFloat) : random_(1, dtype) {}

  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override {
    const bool zeros = init.kind == weights::Init::Kind::kZeros;
    return random_.take(name, shape, zeros ? weights::Init::normal(0.1) : init)
        .requires_grad_(true);
  }
  bool has(const std::string& name) const override { return random_.has(name); }
  const weights::ParameterMap& parameters() const { return random_.parameters(); }

  // Every parameter has a finite gradient that is not all zero. (A bias of the keys adds the same
  // to all scores of a query: softmax does not see it, its gradient is rounding noise.)
  void expect_gradients() const {
    for (const auto& [name, parameter] : parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>()) << name;
      if (name.ends_with("to_k.bias") || name.ends_with("k_proj.bias")) continue;
      EXPECT_GT(parameter.grad().abs().max().item<double>(), 0.0) << name;
    }
  }

 private:
  weights::RandomSource random_;
};

// The dtypes in which a CPU runs a model: the parameter of the parity suites.
inline const auto kDtypes = testing::Values(at::kFloat, at::kBFloat16);

}  // namespace zoetrope::models
