#include "pipeline/activation_bytes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "pipeline/animate_model.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "tensor/memory.h"

namespace zoetrope::pipeline {
namespace {

// The plan may not promise less than a run takes, nor more than twice that.
TEST(ActivationBytes, PredictedActivationsBoundTheMeasuredOnes) {
  const c10::NoGradGuard no_gradients;
  for (const auto size : {test_support::ModelSize::kTiny, test_support::ModelSize::kBundled}) {
    const test_support::TemporaryFolder folder;
    test_support::write_random_model(folder.path(), size);
    const auto index = read_model_index(folder.path());
    const auto components = load_components(index, at::kFloat, at::kCPU);
    const ModelTraits traits = animate_traits(index, components);
    const RunShape shape =
        run_shape(components, {traits.num_frames, traits.width, traits.height, false});

    const int64_t side = traits.width / components.vae.config().downscale();
    const at::Tensor sample = at::randn({shape.branches, shape.frames, side, side, 4});
    const auto conditioning = components.teacher.unet.condition(
        {at::randn({shape.branches, 12, components.teacher.unet.config().cross_attention_dim}),
         sample,
         {},
         at::full({shape.branches}, 70.0),
         {}});
    const at::Tensor timestep = at::full({shape.branches}, 500.0);
    const tensor::AllocationPeak peak;
    (void)components.teacher.unet.forward(sample, timestep, conditioning);
    (void)components.vae.decode(at::randn({shape.decode_chunk, side, side, 4}));
    EXPECT_GE(predicted_activation_bytes(shape), peak.peak_bytes());
    EXPECT_LE(predicted_activation_bytes(shape), 2 * peak.peak_bytes());
  }
}

TEST(ActivationBytes, KeptBlocksCount) {
  RunShape shape;
  shape.width = shape.height = 512;
  const int64_t without = predicted_activation_bytes(shape);
  shape.keeps_blocks = true;
  EXPECT_GT(predicted_activation_bytes(shape), without);
}

}  // namespace
}  // namespace zoetrope::pipeline
