#include "models/hidream/blocks.h"

#include <ATen/ATen.h>

#include <vector>

#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using weights::Scope;

constexpr double kQueryKeyEps = 1e-5;
constexpr int64_t kFeedForwardMultiple = 4;

// What surrounds a layer f: x + gate * f(norm(x) * (1 + scale) + shift). [b, 1, c] each
struct Modulation {
  at::Tensor shift, scale, gate;
};

std::vector<Modulation> modulations(const nn::Linear& layer, const at::Tensor& embedding) {
  const auto parts = layer(at::silu(embedding)).unsqueeze(1).split(embedding.size(-1), /*dim=*/-1);
  std::vector<Modulation> result;
  for (size_t i = 0; i < parts.size(); i += 3) {
    result.push_back({parts[i], parts[i + 1], parts[i + 2]});
  }
  return result;
}

at::Tensor modulated(const at::Tensor& x, const Modulation& m) {
  return nn::modulated_norm(x, m.scale, m.shift, kHiDreamNormEps);
}

RoutedExperts experts(const Scope& block, const HiDreamConfig& c) {
  return {block.sub("ff_i"),
          c.width(),
          kFeedForwardMultiple * c.width(),
          {c.num_routed_experts, c.num_activated_experts}};
}

// q of the first tokens, k and v of all: [b, n, heads, d]
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const HiDreamTokens& tokens) {
  const auto rotated = [&](const at::Tensor& x) {
    const int64_t n = x.size(1);
    return nn::rotate(
        x, {tokens.positions.cosine.narrow(1, 0, n), tokens.positions.sine.narrow(1, 0, n)});
  };
  if (tokens.padding == 0) return ops::attention(rotated(q), rotated(k), v);
  const auto spread = [&](const at::Tensor& first, const at::Tensor& x) {
    return at::cat({first.expand({-1, tokens.padding, -1, -1}), x.narrow(1, 1, x.size(1) - 1)}, 1);
  };
  const at::Tensor no_key = at::zeros_like(k.narrow(1, 0, 1));
  return ops::attention(rotated(q), spread(no_key, rotated(k)), spread(v.narrow(1, 0, 1), v));
}

}  // namespace

HiDreamProjections::HiDreamProjections(const Scope& scope, const HiDreamConfig& config,
                                       const std::string& suffix)
    : heads_{config.num_attention_heads, config.attention_head_dim},
      q_(scope.sub("to_q" + suffix), heads_.width(), heads_.width()),
      k_(scope.sub("to_k" + suffix), heads_.width(), heads_.width()),
      v_(scope.sub("to_v" + suffix), heads_.width(), heads_.width()),
      out_(scope.sub("to_out" + suffix), heads_.width(), heads_.width()),
      q_norm_(scope.sub("q_rms_norm" + suffix), heads_.width(), kQueryKeyEps),
      k_norm_(scope.sub("k_rms_norm" + suffix), heads_.width(), kQueryKeyEps) {}

at::Tensor HiDreamProjections::queries(const at::Tensor& x) const {
  return q_norm_(q_(x)).unflatten(-1, {heads_.heads, heads_.head_dim});
}

at::Tensor HiDreamProjections::keys(const at::Tensor& x) const {
  return k_norm_(k_(x)).unflatten(-1, {heads_.heads, heads_.head_dim});
}

at::Tensor HiDreamProjections::values(const at::Tensor& x) const {
  return v_(x).unflatten(-1, {heads_.heads, heads_.head_dim});
}

at::Tensor HiDreamProjections::output(const at::Tensor& attended) const {
  return out_(attended.flatten(-2));
}

HiDreamDoubleBlock::HiDreamDoubleBlock(const Scope& scope, const HiDreamConfig& config)
    : modulation_(scope.sub("adaLN_modulation", 1), config.width(), 12 * config.width()),
      image_(scope.sub("attn1"), config),
      text_(scope.sub("attn1"), config, "_t"),
      image_feed_forward_(experts(scope, config)),
      text_feed_forward_(hidream_feed_forward(scope.sub("ff_t"), config.width(),
                                              kFeedForwardMultiple * config.width())) {}

at::Tensor HiDreamDoubleBlock::operator()(const at::Tensor& x, const at::Tensor& context,
                                          const at::Tensor& embedding,
                                          const HiDreamTokens& tokens) const {
  const int64_t texts = x.size(1) - tokens.image;
  const auto m = modulations(modulation_, embedding);
  const at::Tensor image = x.narrow(1, 0, tokens.image), text = x.narrow(1, tokens.image, texts);

  const at::Tensor from_image = modulated(image, m[0]);
  const at::Tensor from_text = modulated(at::cat({text, context}, 1), m[2]);
  const at::Tensor q =
      at::cat({image_.queries(from_image), text_.queries(from_text.narrow(1, 0, texts))}, 1);
  const at::Tensor k = at::cat({image_.keys(from_image), text_.keys(from_text)}, 1);
  const at::Tensor v = at::cat({image_.values(from_image), text_.values(from_text)}, 1);
  const at::Tensor attended = attend(q, k, v, tokens);

  at::Tensor y = image + m[0].gate * image_.output(attended.narrow(1, 0, tokens.image));
  y = y + m[1].gate * image_feed_forward_(modulated(y, m[1]));
  at::Tensor z = text + m[2].gate * text_.output(attended.narrow(1, tokens.image, texts));
  z = z + m[3].gate * text_feed_forward_(modulated(z, m[3]));
  return at::cat({y, z}, 1);
}

HiDreamSingleBlock::HiDreamSingleBlock(const Scope& scope, const HiDreamConfig& config)
    : modulation_(scope.sub("adaLN_modulation", 1), config.width(), 6 * config.width()),
      attention_(scope.sub("attn1"), config),
      feed_forward_(experts(scope, config)) {}

at::Tensor HiDreamSingleBlock::operator()(const at::Tensor& x, const at::Tensor& context,
                                          const at::Tensor& embedding,
                                          const HiDreamTokens& tokens) const {
  const auto m = modulations(modulation_, embedding);
  const at::Tensor from_all = modulated(at::cat({x, context}, 1), m[0]);
  const at::Tensor attended =
      attend(attention_.queries(from_all.narrow(1, 0, x.size(1))), attention_.keys(from_all),
             attention_.values(from_all), tokens);
  const at::Tensor y = x + m[0].gate * attention_.output(attended);
  return y + m[1].gate * feed_forward_(modulated(y, m[1]));
}

}  // namespace zoetrope::models
