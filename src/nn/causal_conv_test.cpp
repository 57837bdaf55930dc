#include "nn/causal_conv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "tensor/tensor.h"
#include "weights/random_source.h"

namespace zoetrope::nn {
namespace {

// The clip in chunks of these lengths.
at::Tensor in_chunks(const CausalConv3d& conv, const at::Tensor& clip,
                     const std::vector<int64_t>& lengths) {
  FrameCache cache;
  std::vector<at::Tensor> parts;
  for (const at::Tensor& chunk : clip.split_with_sizes(lengths, 1)) {
    cache.begin_chunk();
    parts.push_back(conv(chunk, cache));
  }
  return at::cat(parts, 1);
}

TEST(CausalConv, IsAConvolutionPaddedInFrontHoweverTheClipIsCut) {
  weights::RandomSource source(1);
  const CausalConv3d conv(weights::Scope(source), 3, 5, {});
  const at::Tensor clip = at::randn({2, 7, 4, 6, 3});
  const at::Tensor padded =
      at::constant_pad_nd(clip.permute({0, 4, 1, 2, 3}).to(at::kDouble), {1, 1, 1, 1, 2, 0});
  const at::Tensor wanted = at::conv3d(padded, source.parameters().at("weight").to(at::kDouble),
                                       source.parameters().at("bias").to(at::kDouble))
                                .permute({0, 2, 3, 4, 1});
  for (const auto& lengths : {std::vector<int64_t>{7}, {1, 1, 5}, {1, 4, 2}}) {
    EXPECT_LE(tensor::relative_l2(in_chunks(conv, clip, lengths), wanted), 1e-6);
  }
}

TEST(CausalConv, HalvesFramesAcrossChunks) {
  weights::RandomSource source(1);
  const CausalConv3d conv(weights::Scope(source), 3, 3, {.kernel = {3, 1, 1}, .frame_stride = 2});
  const at::Tensor clip = at::randn({1, 9, 2, 2, 3});
  const auto halved = [&](const std::vector<int64_t>& lengths) {
    FrameCache cache;
    cache.begin_chunk();
    conv.remember(clip.narrow(1, 0, 1), cache);
    std::vector<at::Tensor> parts;
    for (const at::Tensor& chunk : clip.slice(1, 1).split_with_sizes(lengths, 1)) {
      cache.begin_chunk();
      parts.push_back(conv(chunk, cache));
    }
    return at::cat(parts, 1);
  };
  const at::Tensor wanted =
      at::conv3d(clip.permute({0, 4, 1, 2, 3}), source.parameters().at("weight"),
                 source.parameters().at("bias"), {2, 1, 1})
          .permute({0, 2, 3, 4, 1});
  EXPECT_LE(tensor::relative_l2(halved({8}), wanted), 1e-6);
  EXPECT_LE(tensor::relative_l2(halved({2, 4, 2}), wanted), 1e-6);
}

}  // namespace
}  // namespace zoetrope::nn
