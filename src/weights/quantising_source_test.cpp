#include "weights/quantising_source.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "weights/random_source.h"

namespace zoetrope::weights {
namespace {

using tensor::WeightFormat;

TEST(LinearPolicy, TakesTheLayersOfBlocksButNotWhatSteersThem) {
  LinearPolicy policy;
  policy.format = WeightFormat::kFp8;
  for (const char* path :
       {"transformer_blocks.0.attn.to_q", "transformer_blocks.18.ff_context.net.0.proj",
        "single_transformer_blocks.37.proj_out", "blocks.39.attn2.add_k_proj", "blocks.0.ffn.net.2",
        "double_stream_blocks.1.block.ff_i.experts.3.w1",
        "single_stream_blocks.0.block.ff_i.shared_experts.w2"}) {
    EXPECT_EQ(policy.format_of(path), WeightFormat::kFp8) << path;
  }
  for (const char* path :
       {"", "x_embedder", "context_embedder", "proj_out", "norm_out.linear",
        "time_text_embed.timestep_embedder.linear_1", "condition_embedder.time_proj",
        "transformer_blocks.0.norm1.linear", "transformer_blocks.0.norm1_context.linear",
        "single_transformer_blocks.5.norm.linear", "caption_projection.3.linear",
        "double_stream_blocks.1.block.adaLN_modulation.1", "double_stream_blocks.1.block.ff_i.gate",
        "final_layer.adaLN_modulation.1", "transformer_blocks_extra.0.attn.to_q"}) {
    EXPECT_EQ(policy.format_of(path), WeightFormat::kPlain) << path;
  }
  EXPECT_EQ(LinearPolicy{}.format_of("blocks.0.attn1.to_q"), WeightFormat::kPlain);
}

TEST(QuantisingSource, HandsOutWhatTheSourceHas) {
  RandomSource random(4);
  LinearPolicy policy;
  policy.format = WeightFormat::kInt4;
  QuantisingSource source(random, policy);
  const Scope scope(source);
  const Scope layer = scope.sub("blocks", 2).sub("to_q");
  const at::Tensor weight = layer.take("weight", {4, 6}, Init::fan_in(6));
  EXPECT_TRUE(weight.is_same(random.parameters().at("blocks.2.to_q.weight")));
  EXPECT_EQ(layer.format(), WeightFormat::kInt4);
  EXPECT_EQ(scope.sub("proj_out").format(), WeightFormat::kPlain);
  EXPECT_TRUE(layer.keep(weight).is_same(weight));
}

}  // namespace
}  // namespace zoetrope::weights
