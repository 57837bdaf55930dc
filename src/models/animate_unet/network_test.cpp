#include "models/animate_unet/network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

AnimateUnetConfig bundled() {
  AnimateUnetConfig c;
  c.block_out_channels = {128, 128};
  c.down_block_has_attention = {true, true};
  c.up_block_has_attention = {true, true};
  c.layers_per_block = 1;
  c.norm_num_groups = 8;
  c.cross_attention_dim = 160;
  c.attention_head_dim = 32;
  c.latent_fold = 2;
  c.first_frame_keys = true;
  c.position_size = 16;
  c.position_frames = 16;
  c.time_scale_shift = true;
  c.time_embed_dim = 192;
  c.temporal_conv_layers = 2;
  c.temporal_double_self_attention = false;
  c.transformer_projections = false;
  c.feed_forward_multiple = 2;
  c.temporal_transformer_in = false;
  c.image_latents_encoder = false;
  c.image_embeddings = false;
  c.image_context_size = 16;
  return c;
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
