#include "models/wan/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "base/status.h"
#include "nn/norm.h"
#include "nn/tap.h"
#include "ops/activation.h"

namespace zoetrope::models {
namespace {

using ops::Activation;
using weights::Init;
using weights::Scope;

constexpr double kRotaryTheta = 10000.0;

}  // namespace

Wan::Wan(const WanConfig& config, const Scope& scope)
    : config_(config),
      patches_(scope.sub("patch_embedding"), config),
      time_embedder_(scope.sub("condition_embedder.time_embedder.linear_1"),
                     scope.sub("condition_embedder.time_embedder.linear_2"), config.freq_dim,
                     config.width(), config.width()),
      time_proj_(scope.sub("condition_embedder.time_proj"), config.width(), 6 * config.width()),
      text_in_(scope.sub("condition_embedder.text_embedder.linear_1"), config.text_dim,
               config.width()),
      text_out_(scope.sub("condition_embedder.text_embedder.linear_2"), config.width(),
                config.width()),
      scale_shift_table_(
          scope
              .take("scale_shift_table", {1, 2, config.width()},
                    Init::normal(1.0 / std::sqrt(static_cast<double>(config.width()))))
              .to(at::kFloat)),
      proj_out_(scope.sub("proj_out"), config.width(),
                config.out_channels * config.patch_elements()) {
  if (config.image_dim > 0) {
    image_embedder_.emplace(scope.sub("condition_embedder.image_embedder"), config);
  }
  for (int64_t i = 0; i < config.num_layers; ++i) {
    blocks_.emplace_back(scope.sub("blocks", i), config);
  }
}

nn::RotaryTable Wan::positions(int64_t frames, int64_t height, int64_t width) const {
  const auto [f, h, w] = patches_.counts(frames, height, width);
  const auto options = patches_.options().dtype(at::kLong);
  const auto grid =
      at::meshgrid({at::arange(f, options), at::arange(h, options), at::arange(w, options)}, "ij");
  return nn::rotary_table(at::stack(grid, -1).view({1, -1, 3}), config_.rotary_widths(),
                          kRotaryTheta);
}

std::vector<WanContext> Wan::condition(const at::Tensor& text,
                                       const at::Tensor& image_embeddings) const {
  const at::Tensor words = text_out_(ops::activate(text_in_(text), Activation::kGeluTanh));
  const at::Tensor image = image_embedder_ ? (*image_embedder_)(image_embeddings) : at::Tensor();
  std::vector<WanContext> contexts;
  for (const WanBlock& block : blocks_) contexts.push_back(block.project(words, image));
  return contexts;
}

at::Tensor Wan::unfold(const at::Tensor& tokens, const at::Tensor& clip) const {
  const auto [f, h, w] = patches_.counts(clip.size(1), clip.size(2), clip.size(3));
  const auto& patch = config_.patch_size;
  return tokens.reshape({clip.size(0), f, h, w, patch[0], patch[1], patch[2], -1})
      .permute({0, 1, 4, 2, 5, 3, 6, 7})
      .reshape({clip.size(0), clip.size(1), clip.size(2), clip.size(3), config_.out_channels});
}

at::Tensor Wan::forward(const at::Tensor& clip, const at::Tensor& timestep,
                        const nn::RotaryTable& rotary, const std::vector<WanContext>& contexts,
                        nn::BlockStack* stack) const {
  base::require(contexts.size() == blocks_.size(), "wan: one context for each block");
  const at::Tensor time =
      time_embedder_(nn::sinusoidal_embedding(timestep, config_.freq_dim).to(dtype()));
  const at::Tensor modulation =
      time_proj_(ops::activate(time, Activation::kSilu)).unflatten(1, {6, -1});  // [b, 6, c]

  at::Tensor x = patches_(clip.to(dtype()));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const auto block = [&](const at::Tensor& h) {
      return blocks_[i](h, modulation, rotary, contexts[i]);
    };
    x = stack == nullptr ? block(x) : stack->run(static_cast<int64_t>(i), x, block);
    nn::tap(fmt::format("blocks.{}", i), x);
  }

  const auto out = (scale_shift_table_ + time.to(at::kFloat).unsqueeze(1)).chunk(2, 1);
  const nn::Modulation last{.shift = out[0], .scale = out[1], .gate = {}};
  return unfold(proj_out_(last.norm(x, config_.eps, proj_out_.input_format())), clip);
}

}  // namespace zoetrope::models
