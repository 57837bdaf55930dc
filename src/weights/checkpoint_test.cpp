#include "weights/checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "weights/tensor_io.h"
#include "weights/test_files.h"

namespace zoetrope::weights {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

const Init kInit = Init::zeros();

ParameterMap sample() {
  return {{"conv.weight", at::arange(24, at::kFloat).view({2, 3, 2, 2})},
          {"conv.bias", at::tensor({0.5f, -0.25f})},
          {"ids", at::arange(4, at::kLong)}};
}

void save(const std::string& path, const ParameterMap& tensors) {
  const auto status = save_tensors(path, tensors);
  ASSERT_TRUE(status.ok()) << status.message();
}

std::string error_of(const std::function<void()>& action, StatusCode code) {
  try {
    action();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.status().code(), code);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(TensorIo, ReadsTheReferenceWritersValues) {
  const auto tensors = load_tensors(fixture("weights/python.safetensors"));
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  const at::Tensor expected = at::arange(6, at::kFloat).view({2, 3});
  for (const auto& [name, tensor] : *tensors) {
    if (name == "scalar" || name == "empty") continue;
    const at::Tensor want = name == "BOOL" ? expected.gt(2).to(at::kFloat) : expected;
    EXPECT_TRUE(at::equal(tensor.to(at::kFloat), want)) << name;
  }
  EXPECT_EQ(tensors->at("scalar").item<double>(), 1.5);
  EXPECT_EQ(tensors->at("empty").sizes(), at::IntArrayRef({0, 4}));
}

TEST(TensorIo, RoundTripsAnyLayout) {
  const TempFolder folder;
  const ParameterMap tensors = {{"t", at::arange(6, at::kBFloat16).view({2, 3}).t()},
                                {"slice", at::arange(10, at::kLong).slice(0, 1, 9, 2)}};
  save(folder / "x.safetensors", tensors);
  const auto back = load_tensors(folder / "x.safetensors");
  ASSERT_TRUE(back.ok());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(at::equal(back->at(name), tensor)) << name;
    EXPECT_EQ(back->at(name).scalar_type(), tensor.scalar_type());
  }
}

TEST(TensorIo, RefusesDtypesTheFormatLacks) {
  const TempFolder folder;
  const auto status =
      save_tensors(folder / "x.safetensors", {{"z", at::zeros({2}, at::kComplexFloat)}});
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("tensor 'z': dtype ComplexFloat"));
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(TensorIo, TensorsOutliveTheFileAndWritingThemDoesNotChangeIt) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  save(path, sample());
  at::Tensor weight;
  {
    auto tensors = load_tensors(path);
    ASSERT_TRUE(tensors.ok());
    weight = tensors->at("conv.weight");
  }
  EXPECT_TRUE(at::equal(weight, sample().at("conv.weight")));
  weight.fill_(7);
  EXPECT_EQ(weight.sum().item<float>(), 7 * 24);
  EXPECT_TRUE(at::equal(load_tensors(path)->at("conv.weight"), sample().at("conv.weight")));
}

TEST(TensorIo, CopiesTensorsThatAnotherWriterLeftUnaligned) {
  const TempFolder folder;
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  const std::uint64_t size = header.size();
  const float value = 2.5f;
  write_bytes(folder / "x", std::string(reinterpret_cast<const char*>(&size), 8) + header + "\1" +
                                std::string(reinterpret_cast<const char*>(&value), 4));
  const auto tensors = load_tensors(folder / "x");
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  EXPECT_EQ(tensors->at("b").item<float>(), 2.5f);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensors->at("b").data_ptr()) % 4, 0u);
}

class CheckpointFolder : public testing::Test {
 protected:
  Checkpoint open() {
    auto checkpoint = Checkpoint::open(folder_.path());
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    return std::move(checkpoint).value();
  }
  std::string refusal(StatusCode code = StatusCode::kDataLoss) {
    const auto checkpoint = Checkpoint::open(folder_.path());
    EXPECT_EQ(checkpoint.status().code(), code);
    return checkpoint.status().message();
  }
  TempFolder folder_;
};

TEST_F(CheckpointFolder, TakesTheOnlyFileWhateverItsName) {
  save(folder_ / "flux1-dev.safetensors", {{"b", at::tensor({3.0f})}});
  EXPECT_EQ(open().tensor("b").item<float>(), 3);
  save(folder_ / "ae.safetensors", {{"b", at::tensor({4.0f})}});
  EXPECT_THAT(refusal(StatusCode::kNotFound), HasSubstr("no weights"));
}

TEST_F(CheckpointFolder, PrefersFullPrecisionAndDiffusersName) {
  EXPECT_THAT(refusal(StatusCode::kNotFound), HasSubstr(folder_.path() + ": no weights"));
  const auto bias = [](float value) { return ParameterMap{{"b", at::tensor({value})}}; };
  const auto opened = [this] { return open().tensor("b").item<float>(); };
  save(folder_ / "model.fp16.safetensors", bias(1));
  EXPECT_EQ(opened(), 1);
  save(folder_ / "diffusion_pytorch_model.fp16.safetensors", bias(2));
  EXPECT_EQ(opened(), 2);
  save(folder_ / "model.safetensors", bias(3));
  EXPECT_EQ(opened(), 3);
  save(folder_ / "diffusion_pytorch_model.safetensors", bias(4));
  EXPECT_EQ(opened(), 4);
  EXPECT_TRUE(Checkpoint::open(folder_ / "model.safetensors").ok());
}

TEST_F(CheckpointFolder, CorruptWeightsAreNamed) {
  write_bytes(folder_ / "model.safetensors", "not weights");
  EXPECT_THAT(refusal(), HasSubstr(folder_ / "model.safetensors: not a safetensors file"));
}

TEST_F(CheckpointFolder, JoinsShards) {
  save(folder_ / "a.safetensors", {{"x", at::ones({2})}, {"y", at::zeros({3})}});
  save(folder_ / "b.safetensors", {{"z", at::full({1}, 5.0f)}});
  write_bytes(folder_ / "model.safetensors.index.json",
              R"({"metadata": {"total_size": 24},
                  "weight_map": {"x": "a.safetensors", "y": "a.safetensors", "z": "b.safetensors"}})");
  const Checkpoint checkpoint = open();
  EXPECT_THAT(checkpoint.names(), ElementsAre("x", "y", "z"));
  EXPECT_EQ(checkpoint.tensor("z").item<float>(), 5);
  EXPECT_EQ(checkpoint.file_of("z"), folder_ / "b.safetensors");
  EXPECT_EQ(checkpoint.total_bytes(), 24);
}

TEST_F(CheckpointFolder, RefusesBadIndices) {
  save(folder_ / "a.safetensors", {{"x", at::ones({2})}});
  save(folder_ / "b.safetensors", {{"x", at::ones({2})}, {"z", at::ones({2})}});
  const auto with_index = [this](const char* text) {
    write_bytes(folder_ / "model.safetensors.index.json", text);
    return refusal();
  };
  EXPECT_THAT(with_index("{"), HasSubstr("model.safetensors.index.json: not valid JSON"));
  EXPECT_THAT(with_index("[]"), HasSubstr("no weight_map"));
  EXPECT_THAT(with_index(R"({"weight_map": {"x": 1}})"), HasSubstr("the file of 'x'"));
  EXPECT_THAT(with_index(R"({"weight_map": {"x": "c.safetensors"}})"),
              HasSubstr("shard 'c.safetensors' is missing"));
  for (const char* path : {"../a.safetensors", "/etc/passwd", "..", "", "d/a.safetensors"}) {
    const std::string index = std::string(R"({"weight_map": {"x": ")") + path + "\"}}";
    EXPECT_THAT(with_index(index.c_str()), HasSubstr("is not a file name beside the index"));
  }
  EXPECT_THAT(with_index(R"({"weight_map": {"w": "a.safetensors"}})"),
              HasSubstr("tensor 'w' is not in its shard 'a.safetensors'"));
  EXPECT_THAT(with_index(R"({"weight_map": {"x": "a.safetensors", "z": "b.safetensors"}})"),
              HasSubstr("b.safetensors: tensor 'x' is also in "));
}

TEST_F(CheckpointFolder, SourceConvertsAndRemembersWhatWasTaken) {
  save(folder_ / "model.safetensors", sample());
  CheckpointSource source(open(), at::kBFloat16);
  const at::Tensor weight = source.take("conv.weight", {2, 3, 2, 2}, kInit);
  EXPECT_EQ(weight.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(weight, sample().at("conv.weight").to(at::kBFloat16)));
  EXPECT_EQ(source.take("ids", {4}, kInit).scalar_type(), at::kLong);
  EXPECT_TRUE(source.has("conv.bias"));
  EXPECT_FALSE(source.has("conv"));
  EXPECT_THAT(source.unused(), ElementsAre("conv.bias"));
  EXPECT_TRUE(source.expect_all_used({"conv.bias"}).ok());
  EXPECT_THAT(source.expect_all_used().message(),
              HasSubstr(": 1 weights that the model does not use: 'conv.bias'"));
  source.take("conv.bias", {2}, kInit);
  EXPECT_TRUE(source.expect_all_used().ok());
}

// As quantised checkpoints are published: with a scale for the tensor or for each row, by either
// name, or without.
TEST_F(CheckpointFolder, Fp8WeightsComeWithTheirScales) {
  const at::Tensor codes = at::tensor({1.0, -448.0, 0.5, 3.5, 0.0, -0.015625}).view({3, 2});
  const at::Tensor fp8 = codes.to(at::kFloat8_e4m3fn);
  const at::Tensor rows = at::tensor({0.5, 2.0, 3.0}).to(at::kFloat);
  save(folder_ / "model.safetensors", {{"whole.weight", fp8},
                                       {"whole.scale_weight", at::scalar_tensor(0.25, at::kFloat)},
                                       {"whole.scale_input", at::ones({1})},
                                       {"rows.weight", fp8},
                                       {"rows.weight_scale", rows.view({3, 1})},
                                       {"bare.weight", fp8},
                                       {"bad.weight", fp8},
                                       {"bad.weight_scale", at::ones({2})},
                                       {"scaled_fp8", at::zeros({2}).to(at::kFloat8_e4m3fn)}});
  CheckpointSource source(open());
  const at::Tensor wide = codes.to(at::kFloat);
  EXPECT_TRUE(at::equal(source.take("whole.weight", {3, 2}, kInit), wide * 0.25));
  EXPECT_TRUE(at::equal(source.take("rows.weight", {3, 2}, kInit), wide * rows.view({3, 1})));
  EXPECT_TRUE(at::equal(source.take_rows("rows.weight", 1, {2, 2}),
                        (wide * rows.view({3, 1})).slice(0, 1)));
  EXPECT_TRUE(at::equal(source.take("bare.weight", {3, 2}, kInit), wide));
  EXPECT_THAT(source.unused(), ElementsAre("bad.weight", "bad.weight_scale"));
  EXPECT_THAT(error_of(
                  [&] {
                    source.take("bad.weight", {3, 2}, kInit);
                  },
                  StatusCode::kDataLoss),
              HasSubstr("2 scales for the 3 rows"));
}

TEST_F(CheckpointFolder, SourceSharesTheMappingWhenNothingIsConverted) {
  save(folder_ / "model.safetensors", sample());
  const Checkpoint checkpoint = open();
  CheckpointSource source(checkpoint, at::kFloat);
  EXPECT_EQ(source.take("conv.weight", {2, 3, 2, 2}, kInit).data_ptr(),
            static_cast<const void*>(checkpoint.entry("conv.weight").bytes.data()));
}

TEST_F(CheckpointFolder, SourceErrorsNameWeightShapesAndFile) {
  save(folder_ / "model.safetensors", sample());
  CheckpointSource source(open());
  EXPECT_EQ(error_of([&] { source.take("conv.wait", {2}, kInit); }, StatusCode::kNotFound),
            folder_.path() + ": no weight 'conv.wait'");
  EXPECT_EQ(error_of(
                [&] {
                  source.take("conv.weight", {2, 3, 3, 3}, kInit);
                },
                StatusCode::kDataLoss),
            (folder_ / "model.safetensors") +
                ": weight 'conv.weight' has shape [2, 3, 2, 2] where the model needs [2, 3, 3, 3]");
}

}  // namespace
}  // namespace zoetrope::weights
