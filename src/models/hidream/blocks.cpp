#include "models/hidream/blocks.h"

#include <ATen/ATen.h>

#include <vector>

#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using nn::Modulation;
using weights::Scope;

constexpr double kQueryKeyEps = 1e-5;
constexpr int64_t kFeedForwardMultiple = 4;

std::vector<Modulation> modulations(const nn::Linear& layer, const at::Tensor& embedding) {
  const auto parts = layer(at::silu(embedding)).unsqueeze(1).split(embedding.size(-1), /*dim=*/-1);
  std::vector<Modulation> result;
  for (size_t i = 0; i < parts.size(); i += 3) {
    result.push_back({parts[i], parts[i + 1], parts[i + 2]});
  }
  return result;
}

RoutedExperts experts(const Scope& block, const HiDreamConfig& c) {
  return {block.sub("ff_i"),
          c.width(),
          kFeedForwardMultiple * c.width(),
          {c.num_routed_experts, c.num_activated_experts}};
}

constexpr nn::ProjectionNames kImage{"to_q", "to_k", "to_v", "q_rms_norm", "k_rms_norm"};
constexpr nn::ProjectionNames kText{"to_q_t", "to_k_t", "to_v_t", "q_rms_norm_t", "k_rms_norm_t"};

nn::StreamProjections projections(const Scope& block, const nn::ProjectionNames& names,
                                  const HiDreamConfig& c) {
  return {block.sub("attn1"),
          names,
          {c.num_attention_heads, c.attention_head_dim},
          nn::NormSpan::kAllHeads,
          kQueryKeyEps};
}

// Of the tokens that ask: [b, n, c]
at::Tensor attend(const std::vector<nn::StreamHeads>& streams, const HiDreamTokens& tokens) {
  const auto [q, k, v] = nn::join(streams, tokens.positions);
  if (tokens.padding == 0) return ops::attention(q, k, v).flatten(-2);
  const auto spread = [&](const at::Tensor& first, const at::Tensor& x) {
    return at::cat({first.expand({-1, tokens.padding, -1, -1}), x.narrow(1, 1, x.size(1) - 1)}, 1);
  };
  const at::Tensor no_key = at::zeros_like(k.narrow(1, 0, 1));
  return ops::attention(q, spread(no_key, k), spread(v.narrow(1, 0, 1), v)).flatten(-2);
}

}  // namespace

HiDreamDoubleBlock::HiDreamDoubleBlock(const Scope& scope, const HiDreamConfig& config)
    : modulation_(scope.sub("adaLN_modulation", 1), config.width(), 12 * config.width()),
      image_(projections(scope, kImage, config)),
      text_(projections(scope, kText, config)),
      image_out_(scope.sub("attn1.to_out"), config.width(), config.width()),
      text_out_(scope.sub("attn1.to_out_t"), config.width(), config.width()),
      image_feed_forward_(experts(scope, config)),
      text_feed_forward_(hidream_feed_forward(scope.sub("ff_t"), config.width(),
                                              kFeedForwardMultiple * config.width())) {}

at::Tensor HiDreamDoubleBlock::operator()(const at::Tensor& x, const at::Tensor& context,
                                          const at::Tensor& embedding,
                                          const HiDreamTokens& tokens) const {
  const int64_t texts = x.size(1) - tokens.image;
  const auto m = modulations(modulation_, embedding);
  const at::Tensor image = x.narrow(1, 0, tokens.image), text = x.narrow(1, tokens.image, texts);

  const nn::StreamHeads from_image =
      image_(m[0].norm(image, kHiDreamNormEps, image_.input_format()));
  const nn::StreamHeads from_text =
      text_(m[2].norm(at::cat({text, context}, 1), kHiDreamNormEps, text_.input_format()));
  const at::Tensor attended = attend({from_image, from_text.asking(texts)}, tokens);

  const auto [y, to_experts] =
      m[1].norm({image, m[0].gate, image_out_(attended.narrow(1, 0, tokens.image))},
                kHiDreamNormEps, ops::RowFormat::kPlain);
  const auto [z, to_feed_forward] =
      m[3].norm({text, m[2].gate, text_out_(attended.narrow(1, tokens.image, texts))},
                kHiDreamNormEps, text_feed_forward_.input_format());
  return at::cat({m[1].add(y, image_feed_forward_(to_experts.values)),
                  m[3].add(z, text_feed_forward_(to_feed_forward))},
                 1);
}

HiDreamSingleBlock::HiDreamSingleBlock(const Scope& scope, const HiDreamConfig& config)
    : modulation_(scope.sub("adaLN_modulation", 1), config.width(), 6 * config.width()),
      projections_(projections(scope, kImage, config)),
      out_(scope.sub("attn1.to_out"), config.width(), config.width()),
      feed_forward_(experts(scope, config)) {}

at::Tensor HiDreamSingleBlock::operator()(const at::Tensor& x, const at::Tensor& context,
                                          const at::Tensor& embedding,
                                          const HiDreamTokens& tokens) const {
  const auto m = modulations(modulation_, embedding);
  const nn::StreamHeads heads = projections_(
      m[0].norm(at::cat({x, context}, 1), kHiDreamNormEps, projections_.input_format()));
  const at::Tensor attended = attend({heads.asking(x.size(1))}, tokens);
  const auto [y, in] =
      m[1].norm({x, m[0].gate, out_(attended)}, kHiDreamNormEps, ops::RowFormat::kPlain);
  return m[1].add(y, feed_forward_(in.values));
}

}  // namespace zoetrope::models
