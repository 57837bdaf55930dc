#include "train/still_motion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "media/image.h"
#include "train/training_data.h"

namespace zoetrope::train {
namespace {

at::Tensor example_picture() {
  auto read = media::read_image(std::string(ZOETROPE_SOURCE_DIR) + "/examples/rocket.png");
  EXPECT_TRUE(read.ok()) << read.status().message();
  const media::Image& image = read->image;
  return to_signed_unit(at::from_blob(const_cast<uint8_t*>(image.rgb.data()),
                                      {image.height, image.width, 3}, at::kByte)
                            .clone());
}

TEST(StillMotion, StartsWithThePictureAndLoops) {
  const at::Tensor picture = example_picture();
  int moving = 0;
  for (uint64_t draw = 0; draw < 12; ++draw) {
    const at::Tensor clip = animate_still(picture, 16, 3, draw);
    // Frame 0 is at rest: the map is the identity up to the sampler's rounding of coordinates.
    EXPECT_LT((clip[0] - picture).abs().max().item<double>(), 1e-3);
    const at::Tensor steps = (clip - clip.roll({-1}, {0})).abs().mean({1, 2, 3});
    // The step from the last frame to the first is one like the others.
    EXPECT_LE(steps[15].item<double>(), 1.5 * steps.max().item<double>());
    moving += steps.mean().item<double>() > 1e-3;
    EXPECT_LE(clip.max().item<double>(), 1.0 + 1e-5);
  }
  EXPECT_GE(moving, 8);
}

TEST(StillMotion, DependsOnSeedAndDrawAlone) {
  const at::Tensor picture = example_picture();
  EXPECT_TRUE(at::equal(animate_still(picture, 16, 3, 4), animate_still(picture, 16, 3, 4)));
  EXPECT_FALSE(at::equal(animate_still(picture, 16, 3, 4), animate_still(picture, 16, 3, 5)));
}

}  // namespace
}  // namespace zoetrope::train
