#include "models/hidream/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/status.h"
#include "nn/norm.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::Scope;

constexpr int64_t kFrequencies = 256;  // channels of the sinusoidal embedding of time
constexpr double kRopeTheta = 10000.0;

nn::EmbeddingMlp embedding_mlp(const Scope& scope, int64_t in, int64_t out) {
  return {scope.sub("linear_1"), scope.sub("linear_2"), in, out, out};
}

// Row and column of each image token; everything else stands at the origin. [1, n, 3]
at::Tensor token_positions(int64_t rows, int64_t columns, int64_t before, int64_t behind,
                           const at::TensorOptions& options) {
  const auto axes = at::meshgrid({at::arange(rows, options), at::arange(columns, options)}, "ij");
  const at::Tensor grid = at::stack({at::zeros_like(axes[0]), axes[0], axes[1]}, -1).flatten(0, 1);
  return at::constant_pad_nd(grid, {0, 0, before, behind}).unsqueeze(0);
}

}  // namespace

HiDream::HiDream(const HiDreamConfig& config, const Scope& scope)
    : config_(config),
      time_embedding_(embedding_mlp(scope.sub("t_embedder").sub("timestep_embedder"), kFrequencies,
                                    config.width())),
      pooled_embedding_(embedding_mlp(scope.sub("p_embedder").sub("pooled_embedder"),
                                      config.text_emb_dim, config.width())),
      patch_embedding_(scope.sub("x_embedder").sub("proj"),
                       config.in_channels * config.patch_size * config.patch_size, config.width()),
      final_modulation_(scope.sub("final_layer").sub("adaLN_modulation", 1), config.width(),
                        2 * config.width()),
      final_(scope.sub("final_layer").sub("linear"), config.width(),
             config.out_channels * config.patch_size * config.patch_size) {
  for (int64_t i = 0; i <= config.blocks(); ++i) {
    const int64_t in = config.caption_channels[i < config.blocks() ? 1 : 0];
    caption_projection_.emplace_back(scope.sub("caption_projection", i).sub("linear"), in,
                                     config.width(), nn::Bias::kNone);
  }
  for (int64_t i = 0; i < config.num_layers; ++i) {
    double_blocks_.emplace_back(scope.sub("double_stream_blocks", i).sub("block"), config);
  }
  for (int64_t i = 0; i < config.num_single_layers; ++i) {
    single_blocks_.emplace_back(scope.sub("single_stream_blocks", i).sub("block"), config);
  }
}

HiDream::Grid HiDream::grid(int64_t height, int64_t width) const {
  const int64_t patch = config_.patch_size;
  if (height <= 0 || width <= 0 || height % patch != 0 || width % patch != 0) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("hidream: latents of {} x {} are not made of patches of {} x {}",
                            height, width, patch, patch));
  }
  Grid grid{.rows = height / patch, .columns = width / patch, .padding = 0};
  if (height == width) return grid;
  grid.padding = config_.max_image_tokens() - grid.rows * grid.columns;
  if (grid.padding < 0) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("hidream: latents of {} x {} have {} tokens, the model takes at most "
                            "{} (max_resolution)",
                            height, width, grid.rows * grid.columns, config_.max_image_tokens()));
  }
  return grid;
}

void HiDream::check(const Inputs& inputs) const {
  const auto expect = [](const char* name, const at::Tensor& x, at::IntArrayRef shape) {
    bool fits = x.defined() && x.dim() == static_cast<int64_t>(shape.size());
    for (size_t i = 0; fits && i < shape.size(); ++i) {
      fits = shape[i] < 0 || x.size(static_cast<int64_t>(i)) == shape[i];
    }
    if (fits) return;
    std::ostringstream message;
    message << "hidream: " << name << " must be " << shape << " (-1: any size), is ";
    if (x.defined()) {
      message << x.sizes();
    } else {
      message << "missing";
    }
    throw Error(StatusCode::kInvalidArgument, message.str());
  };
  expect("text", inputs.text, {-1, -1, config_.caption_channels[0]});
  expect("llama", inputs.llama, {inputs.text.size(0), -1, -1, config_.caption_channels[1]});
  expect("pooled_text", inputs.pooled_text, {inputs.text.size(0), config_.text_emb_dim});
  const int64_t last = *std::max_element(config_.llama_layers.begin(), config_.llama_layers.end());
  if (inputs.llama.size(1) <= last) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("hidream: llama holds {} layers, llama_layers of config.json names "
                            "layer {} (from 0)",
                            inputs.llama.size(1), last));
  }
}

HiDream::Conditioning HiDream::condition(const Inputs& inputs, int64_t height,
                                         int64_t width) const {
  check(inputs);
  const Grid image = grid(height, width);
  std::vector<at::Tensor> llama;
  for (size_t i = 0; i < config_.llama_layers.size(); ++i) {
    llama.push_back(caption_projection_[i](inputs.llama.select(1, config_.llama_layers[i])));
  }
  const at::Tensor text = at::cat({caption_projection_.back()(inputs.text), llama.back()}, 1);
  const int64_t texts = text.size(1) + llama.back().size(1);
  const at::Tensor positions = token_positions(image.rows, image.columns, image.padding > 0 ? 1 : 0,
                                               texts, inputs.text.options().dtype(at::kLong));
  return {.text = text,
          .llama = at::stack(llama, 1),
          .pooled = pooled_embedding_(inputs.pooled_text),
          .positions = nn::rotary_table(positions, config_.axes_dims_rope, kRopeTheta)};
}

// [b, h, w, in_channels] -> [b, image, c]. A patch's channels are [row, column, channel]; the
// padding is a patch of zeros.
at::Tensor HiDream::image_tokens(const at::Tensor& sample, const Grid& grid) const {
  const int64_t patch = config_.patch_size;
  const at::Tensor patches = sample.unflatten(1, {grid.rows, patch})
                                 .unflatten(3, {grid.columns, patch})
                                 .permute({0, 1, 3, 2, 4, 5})
                                 .flatten(3)
                                 .flatten(1, 2);
  return patch_embedding_(
      at::constant_pad_nd(patches, {0, 0, grid.tokens() - grid.rows * grid.columns, 0}));
}

// [b, rows * columns, c] -> [b, h, w, out_channels]
at::Tensor HiDream::picture(const at::Tensor& tokens, const at::Tensor& embedding,
                            const Grid& grid) const {
  const int64_t patch = config_.patch_size;
  const auto parts = final_modulation_(at::silu(embedding)).unsqueeze(1).chunk(2, -1);
  const nn::Modulation last{.shift = parts[0], .scale = parts[1], .gate = {}};
  return final_(last.norm(tokens, kHiDreamNormEps, final_.input_format()))
      .unflatten(2, {patch, patch, config_.out_channels})
      .unflatten(1, {grid.rows, grid.columns})
      .permute({0, 1, 3, 2, 4, 5})
      .flatten(3, 4)
      .flatten(1, 2);
}

at::Tensor HiDream::forward(const at::Tensor& sample, const at::Tensor& timestep,
                            const Conditioning& conditioning, nn::BlockStack* stack) const {
  base::require(sample.dim() == 4 && sample.size(3) == config_.in_channels,
                "hidream: the sample must be [b, h, w, in_channels]");
  const Grid image = grid(sample.size(1), sample.size(2));
  const HiDreamTokens tokens{image.tokens(), image.padding, conditioning.positions};
  at::Tensor x = at::cat({image_tokens(sample, image), conditioning.text}, 1);
  base::require(x.size(1) + conditioning.llama.size(2) == tokens.positions.cosine.size(1),
                "hidream: the conditioning was made for latents of another size");
  const at::Tensor embedding =
      time_embedding_(nn::sinusoidal_embedding(timestep, kFrequencies).to(sample.dtype())) +
      conditioning.pooled;

  int64_t index = 0;
  const auto run = [&](const auto& block, const char* name, size_t of_its_kind) {
    const at::Tensor context = conditioning.llama.select(1, index);
    const nn::BlockStack::Block apply = [&](const at::Tensor& in) {
      return block(in, context, embedding, tokens);
    };
    x = stack != nullptr ? stack->run(index, x, apply) : apply(x);
    nn::tap(fmt::format("{}.{}", name, of_its_kind), x);
    ++index;
  };
  for (size_t i = 0; i < double_blocks_.size(); ++i) {
    run(double_blocks_[i], "double_stream_blocks", i);
  }
  for (size_t i = 0; i < single_blocks_.size(); ++i) {
    run(single_blocks_[i], "single_stream_blocks", i);
  }
  const int64_t pixels = image.rows * image.columns;
  return -picture(x.narrow(1, image.tokens() - pixels, pixels), embedding, image);
}

}  // namespace zoetrope::models
