#include "weights/original_names.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <optional>

namespace zoetrope::weights {
namespace {

// Black Forest Labs' flux1-dev.safetensors and flux1-schnell.safetensors.
constexpr NameRule kFluxRules[] = {
    {"x_embedder", "img_in"},
    {"context_embedder", "txt_in"},
    {"time_text_embed.timestep_embedder.linear_1", "time_in.in_layer"},
    {"time_text_embed.timestep_embedder.linear_2", "time_in.out_layer"},
    {"time_text_embed.text_embedder.linear_1", "vector_in.in_layer"},
    {"time_text_embed.text_embedder.linear_2", "vector_in.out_layer"},
    {"time_text_embed.guidance_embedder.linear_1", "guidance_in.in_layer"},
    {"time_text_embed.guidance_embedder.linear_2", "guidance_in.out_layer"},

    {"transformer_blocks.*.norm1.linear", "double_blocks.*.img_mod.lin"},
    {"transformer_blocks.*.attn.to_q", "double_blocks.*.img_attn.qkv", Rows::kFirst},
    {"transformer_blocks.*.attn.to_k", "double_blocks.*.img_attn.qkv", Rows::kSecond},
    {"transformer_blocks.*.attn.to_v", "double_blocks.*.img_attn.qkv", Rows::kThird},
    {"transformer_blocks.*.attn.norm_q.weight", "double_blocks.*.img_attn.norm.query_norm.scale"},
    {"transformer_blocks.*.attn.norm_k.weight", "double_blocks.*.img_attn.norm.key_norm.scale"},
    {"transformer_blocks.*.attn.to_out.0", "double_blocks.*.img_attn.proj"},
    {"transformer_blocks.*.ff.net.0.proj", "double_blocks.*.img_mlp.0"},
    {"transformer_blocks.*.ff.net.2", "double_blocks.*.img_mlp.2"},

    {"transformer_blocks.*.norm1_context.linear", "double_blocks.*.txt_mod.lin"},
    {"transformer_blocks.*.attn.add_q_proj", "double_blocks.*.txt_attn.qkv", Rows::kFirst},
    {"transformer_blocks.*.attn.add_k_proj", "double_blocks.*.txt_attn.qkv", Rows::kSecond},
    {"transformer_blocks.*.attn.add_v_proj", "double_blocks.*.txt_attn.qkv", Rows::kThird},
    {"transformer_blocks.*.attn.norm_added_q.weight",
     "double_blocks.*.txt_attn.norm.query_norm.scale"},
    {"transformer_blocks.*.attn.norm_added_k.weight",
     "double_blocks.*.txt_attn.norm.key_norm.scale"},
    {"transformer_blocks.*.attn.to_add_out", "double_blocks.*.txt_attn.proj"},
    {"transformer_blocks.*.ff_context.net.0.proj", "double_blocks.*.txt_mlp.0"},
    {"transformer_blocks.*.ff_context.net.2", "double_blocks.*.txt_mlp.2"},

    {"single_transformer_blocks.*.norm.linear", "single_blocks.*.modulation.lin"},
    {"single_transformer_blocks.*.attn.to_q", "single_blocks.*.linear1", Rows::kFirst},
    {"single_transformer_blocks.*.attn.to_k", "single_blocks.*.linear1", Rows::kSecond},
    {"single_transformer_blocks.*.attn.to_v", "single_blocks.*.linear1", Rows::kThird},
    {"single_transformer_blocks.*.proj_mlp", "single_blocks.*.linear1", Rows::kLast},
    {"single_transformer_blocks.*.attn.norm_q.weight", "single_blocks.*.norm.query_norm.scale"},
    {"single_transformer_blocks.*.attn.norm_k.weight", "single_blocks.*.norm.key_norm.scale"},
    {"single_transformer_blocks.*.proj_out", "single_blocks.*.linear2"},

    {"norm_out.linear", "final_layer.adaLN_modulation.1", Rows::kSwapped},
    {"proj_out", "final_layer.linear"},
};

// Wan-AI's diffusion_pytorch_model*.safetensors, text or image to video.
constexpr NameRule kWanRules[] = {
    {"condition_embedder.time_embedder.linear_1", "time_embedding.0"},
    {"condition_embedder.time_embedder.linear_2", "time_embedding.2"},
    {"condition_embedder.time_proj", "time_projection.1"},
    {"condition_embedder.text_embedder.linear_1", "text_embedding.0"},
    {"condition_embedder.text_embedder.linear_2", "text_embedding.2"},
    {"condition_embedder.image_embedder.norm1", "img_emb.proj.0"},
    {"condition_embedder.image_embedder.ff.net.0.proj", "img_emb.proj.1"},
    {"condition_embedder.image_embedder.ff.net.2", "img_emb.proj.3"},
    {"condition_embedder.image_embedder.norm2", "img_emb.proj.4"},

    {"blocks.*.scale_shift_table", "blocks.*.modulation"},
    {"blocks.*.attn1.to_q", "blocks.*.self_attn.q"},
    {"blocks.*.attn1.to_k", "blocks.*.self_attn.k"},
    {"blocks.*.attn1.to_v", "blocks.*.self_attn.v"},
    {"blocks.*.attn1.to_out.0", "blocks.*.self_attn.o"},
    {"blocks.*.attn1", "blocks.*.self_attn"},  // its norms
    {"blocks.*.attn2.to_q", "blocks.*.cross_attn.q"},
    {"blocks.*.attn2.to_k", "blocks.*.cross_attn.k"},
    {"blocks.*.attn2.to_v", "blocks.*.cross_attn.v"},
    {"blocks.*.attn2.to_out.0", "blocks.*.cross_attn.o"},
    {"blocks.*.attn2.add_k_proj", "blocks.*.cross_attn.k_img"},
    {"blocks.*.attn2.add_v_proj", "blocks.*.cross_attn.v_img"},
    {"blocks.*.attn2.norm_added_k", "blocks.*.cross_attn.norm_k_img"},
    {"blocks.*.attn2", "blocks.*.cross_attn"},
    {"blocks.*.norm2", "blocks.*.norm3"},
    {"blocks.*.ffn.net.0.proj", "blocks.*.ffn.0"},
    {"blocks.*.ffn.net.2", "blocks.*.ffn.2"},

    {"scale_shift_table", "head.modulation"},
    {"proj_out", "head.head"},
};

constexpr OriginalFormat kFormats[] = {
    {"double_blocks.0.img_attn.qkv.weight", kFluxRules},
    {"blocks.0.self_attn.q.weight", kWanRules},
};

// Some files put this before all names.
constexpr std::array<std::string_view, 2> kPrefixes = {"", "model.diffusion_model."};

std::string joined(std::string_view a, std::string_view b) { return fmt::format("{}{}", a, b); }

// What a rule's name leaves open of a parameter's: "blocks.*.norm2" of "blocks.7.norm2.bias" is
// {"7", ".bias"}.
struct Match {
  std::string_view number, rest;
};

std::optional<Match> match(std::string_view name, std::string_view pattern) {
  Match found;
  if (const size_t star = pattern.find('*'); star != std::string_view::npos) {
    if (!name.starts_with(pattern.substr(0, star))) return {};
    name.remove_prefix(star);
    found.number = name.substr(0, name.find('.'));
    name.remove_prefix(found.number.size());
    pattern.remove_prefix(star + 1);
  }
  if (!name.starts_with(pattern)) return {};
  found.rest = name.substr(pattern.size());
  if (!found.rest.empty() && found.rest.front() != '.') return {};
  return found;
}

std::string filled(std::string_view pattern, const Match& match) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return joined(pattern, match.rest);
  return fmt::format("{}{}{}{}", pattern.substr(0, star), match.number, pattern.substr(star + 1),
                     match.rest);
}

int64_t first_row(Rows rows, int64_t count, int64_t all) {
  switch (rows) {
    case Rows::kAll:
    case Rows::kSwapped:
    case Rows::kFirst:
      return 0;
    case Rows::kSecond:
      return count;
    case Rows::kThird:
      return 2 * count;
    case Rows::kLast:
      return all - count;
  }
  return 0;
}

}  // namespace

const OriginalFormat* original_format(const Checkpoint& checkpoint) {
  for (const OriginalFormat& format : kFormats) {
    for (const std::string_view prefix : kPrefixes) {
      if (checkpoint.has(joined(prefix, format.mark))) return &format;
    }
  }
  return nullptr;
}

OriginalSource::OriginalSource(CheckpointSource& source, const OriginalFormat& format)
    : source_(source), format_(format) {
  for (const std::string_view prefix : kPrefixes) {
    if (source.has(joined(prefix, format.mark))) prefix_ = prefix;
  }
}

OriginalSource::Place OriginalSource::place_of(std::string_view name) const {
  for (const NameRule& rule : format_.rules) {
    if (const auto found = match(name, rule.name)) {
      return {prefix_ + filled(rule.original, *found), rule.rows};
    }
  }
  return {joined(prefix_, name), Rows::kAll};
}

bool OriginalSource::has(const std::string& name) const { return source_.has(place_of(name).name); }

at::Tensor OriginalSource::take(const std::string& name, at::IntArrayRef shape, const Init& init) {
  const Place place = place_of(name);
  // A weight without rows is refused by the plain way too.
  const bool whole = shape.empty() || !source_.has(place.name) ||
                     source_.checkpoint().entry(place.name).shape.empty();
  if (whole || place.rows == Rows::kAll) return source_.take(place.name, shape, init);
  if (place.rows == Rows::kSwapped) {
    return source_.take(place.name, shape, init).roll(shape[0] / 2, 0);
  }
  const int64_t stored = source_.checkpoint().entry(place.name).shape[0];
  return source_.take_rows(place.name, first_row(place.rows, shape[0], stored), shape);
}

}  // namespace zoetrope::weights
