#include "pipeline/transformer_recipe.h"

#include <vector>

namespace zoetrope::pipeline {
namespace {

using Kind = TextEncoderSpec::Kind;

// diffusers: pipelines/flux/pipeline_flux.py and pipeline_flux_img2img.py.
TransformerRecipe flux() {
  return {.class_name = "FluxPipeline",
          .text_encoders = {{Kind::kClipPooled, "text_encoder", "tokenizer", 77, "pooled_text"},
                            {Kind::kT5, "text_encoder_2", "tokenizer_2", 512, "text"}},
          .shift = TransformerRecipe::Shift::kPictureTokens,
          .picture = TransformerRecipe::Picture::kStart,
          .steps = 28,
          .text_guidance = 3.5};
}

// diffusers: pipelines/hidream_image/pipeline_hidream_image.py.
TransformerRecipe hidream() {
  return {
      .class_name = "HiDreamImagePipeline",
      .text_encoders = {{Kind::kClipPooled, "text_encoder", "tokenizer", 128, "pooled_text"},
                        {Kind::kClipPooled, "text_encoder_2", "tokenizer_2", 128, "pooled_text"},
                        {Kind::kMaskedT5, "text_encoder_3", "tokenizer_3", 128, "text"},
                        {Kind::kLlamaStates, "text_encoder_4", "tokenizer_4", 128, "llama"}},
      .shift = TransformerRecipe::Shift::kMostTokens,
      .steps = 50,
      .text_guidance = 5.0};
}

// diffusers: pipelines/stable_diffusion_3/pipeline_stable_diffusion_3.py and its img2img twin.
TransformerRecipe stable_diffusion_3() {
  return {
      .class_name = "StableDiffusion3Pipeline",
      .text_encoders = {{Kind::kClipStates, "text_encoder", "tokenizer", 77, "clip", "pooled_text"},
                        {Kind::kClipStates, "text_encoder_2", "tokenizer_2", 77, "clip",
                         "pooled_text"},
                        {Kind::kT5, "text_encoder_3", "tokenizer_3", 256, "text"}},
      .picture = TransformerRecipe::Picture::kStart,
      .steps = 28,
      .text_guidance = 7.0};
}

// diffusers: pipelines/wan/pipeline_wan.py.
TransformerRecipe wan() {
  return {.class_name = "WanPipeline",
          .text_encoders = {{.kind = Kind::kZeroedT5,
                             .component = "text_encoder",
                             .tokenizer = "tokenizer",
                             .max_tokens = 512,
                             .input = "text",
                             .cleaned = true}},
          .autoencoder = TransformerRecipe::Autoencoder::kCausalVideo,
          .width = 832,
          .height = 480,
          .num_frames = 81,
          .fps = 16,
          .steps = 50,
          .text_guidance = 5.0};
}

// diffusers: pipelines/wan/pipeline_wan_i2v.py.
TransformerRecipe wan_image_to_video() {
  TransformerRecipe recipe = wan();
  recipe.class_name = "WanImageToVideoPipeline";
  recipe.picture = TransformerRecipe::Picture::kFirstFrame;
  return recipe;
}

const std::vector<TransformerRecipe>& recipes() {
  static const std::vector kRecipes = {flux(), hidream(), stable_diffusion_3(), wan(),
                                       wan_image_to_video()};
  return kRecipes;
}

}  // namespace

const TransformerRecipe* find_transformer_recipe(const std::string& class_name) {
  for (const TransformerRecipe& recipe : recipes()) {
    if (recipe.class_name == class_name) return &recipe;
  }
  return nullptr;
}

std::vector<std::string> transformer_recipe_names() {
  std::vector<std::string> names;
  for (const TransformerRecipe& recipe : recipes()) names.push_back(recipe.class_name);
  return names;
}

Graph transformer_graph(const TransformerRecipe& recipe, bool from_picture, bool embedding) {
  Graph g;
  const auto prompt = g.input("prompt");
  std::vector<Graph::Value> inputs = {g.input("noise")};
  // Every encoder is a role of its own: they run side by side.
  for (const TextEncoderSpec& encoder : recipe.text_encoders) {
    inputs.push_back(g.role(encoder.component, {prompt}));
    g.output(encoder.component, inputs.back());
  }
  if (from_picture) {
    const auto picture = g.input("picture");
    inputs.push_back(g.role("image_encode", {picture}));
    g.output("image", inputs.back());
    if (embedding) {
      inputs.push_back(g.role("image_embed", {picture}));
      g.output("embedding", inputs.back());
    }
  }
  const auto clip = g.role("denoise", inputs);
  g.output("clip", clip);
  g.output("frames", g.role("decode", {clip}));
  return g;
}

}  // namespace zoetrope::pipeline
