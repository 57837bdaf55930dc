#include "models/animate_unet/network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "weights/json_config.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

AnimateUnetConfig bundled() {
  return AnimateUnetConfig::from_json(
      weights::JsonObject::read(ZOETROPE_SOURCE_DIR "/models/animate/unet/config.json")
          .value_or_throw());
}

TEST(AnimateUnet, PredictsTheShapeOfItsInput) {
  weights::RandomSource source(1);
  const AnimateUnet unet(bundled(), weights::Scope(source));
  const c10::InferenceMode inference;
  const int64_t b = 2;
  const auto conditioning = unet.condition(
      {at::randn({b, 24, 160}), at::randn({b, 16, 32, 32, 4}), {}, at::full({b}, 50.0)});
  const at::Tensor x = at::randn({b, 16, 32, 32, 4});
  EXPECT_EQ(unet.forward(x, at::full({b}, 500.0), conditioning).sizes(), x.sizes());
}

}  // namespace
}  // namespace zoetrope::models
