#include "models/hidream/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

constexpr int64_t kAxes = 3;

bool positive(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v > 0; });
}

void validate(const HiDreamConfig& c, const std::string& source) {
  const auto check = [&](bool condition, const char* message) {
    if (!condition) {
      throw Error(StatusCode::kInvalidArgument, fmt::format("{}: {}", source, message));
    }
  };
  check(c.num_layers >= 0 && c.num_single_layers >= 0 && c.blocks() > 0,
        "num_layers and num_single_layers must not be negative, nor both zero");
  check(c.caption_channels.size() == 2 && positive(c.caption_channels),
        "caption_channels must hold the widths of T5 and of Llama");
  check(c.num_activated_experts > 0 && c.num_activated_experts <= c.num_routed_experts,
        "num_activated_experts must be between 1 and num_routed_experts");
  const auto& axes = c.axes_dims_rope;
  check(axes.size() == kAxes && positive(axes) &&
            std::all_of(axes.begin(), axes.end(), [](int64_t d) { return d % 2 == 0; }) &&
            std::reduce(axes.begin(), axes.end()) == c.attention_head_dim,
        "axes_dims_rope must hold three even numbers that add up to attention_head_dim");
  check(c.max_resolution.size() == 2 && positive(c.max_resolution),
        "max_resolution must hold two positive numbers");
  check(static_cast<int64_t>(c.llama_layers.size()) == c.blocks() &&
            std::all_of(c.llama_layers.begin(), c.llama_layers.end(),
                        [](int64_t layer) { return layer >= 0; }),
        "llama_layers must name a layer for each of num_layers + num_single_layers blocks");
}

}  // namespace

HiDreamConfig HiDreamConfig::from_json(const JsonObject& json) {
  HiDreamConfig c;
  c.patch_size = json.positive("patch_size", c.patch_size);
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.in_channels);
  c.num_layers = json.get("num_layers", c.num_layers);
  c.num_single_layers = json.get("num_single_layers", c.num_single_layers);
  c.attention_head_dim = json.positive("attention_head_dim", c.attention_head_dim);
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.caption_channels = json.require<std::vector<int64_t>>("caption_channels");
  c.text_emb_dim = json.positive("text_emb_dim", c.text_emb_dim);
  c.num_routed_experts = json.get("num_routed_experts", c.num_routed_experts);
  c.num_activated_experts = json.get("num_activated_experts", c.num_activated_experts);
  c.axes_dims_rope = json.require<std::vector<int64_t>>("axes_dims_rope");
  c.max_resolution = json.get("max_resolution", c.max_resolution);
  c.llama_layers = json.require<std::vector<int64_t>>("llama_layers");
  validate(c, json.source());
  return c;
}

}  // namespace zoetrope::models
