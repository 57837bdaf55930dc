#include "tensor/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zoetrope::tensor {
namespace {

using base::StatusCode;
using testing::HasSubstr;

TEST(ParseDeviceTest, KnowsTheCpu) {
  EXPECT_TRUE(parse_device("cpu").value_or_throw().is_cpu());
  EXPECT_EQ(parse_device("auto").value_or_throw().is_cuda(), cuda_device_count() > 0);
}

TEST(ParseDeviceTest, RefusesAGpuThatIsNotThere) {
  const std::string beyond = "cuda:" + std::to_string(cuda_device_count());
  const auto device = parse_device(beyond);
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(device.status().message(), HasSubstr(beyond));
}

TEST(ParseDeviceTest, RefusesOtherText) {
  for (const char* text :
       {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999", "CPU"}) {
    const auto device = parse_device(text);
    ASSERT_FALSE(device.ok()) << text;
    EXPECT_EQ(device.status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseDtypeTest, KnowsThreeFormats) {
  EXPECT_EQ(parse_dtype("fp32").value_or_throw(), at::ScalarType::Float);
  EXPECT_EQ(parse_dtype("bf16").value_or_throw(), at::ScalarType::BFloat16);
  EXPECT_EQ(parse_dtype("fp16").value_or_throw(), at::ScalarType::Half);
  EXPECT_EQ(parse_dtype("float").status().code(), StatusCode::kInvalidArgument);
}

TEST(DefaultDtypeTest, AgreesWithTheDescription) {
  const bool bf16 = default_dtype(at::Device(at::kCPU)) == at::ScalarType::BFloat16;
  EXPECT_THAT(describe_device(at::Device(at::kCPU)), HasSubstr(bf16 ? ", bf16" : ", no bf16"));
  EXPECT_EQ(default_dtype(at::Device(at::kCUDA, 0)), at::ScalarType::BFloat16);
}

}  // namespace
}  // namespace zoetrope::tensor
