#include "pipeline/recipe.h"

#include <array>

namespace zoetrope::pipeline {
namespace {

Graph animate_graph() {
  Graph g;
  const auto text = g.role("text_encode", {g.input("prompt")});
  const auto image = g.role("image_encode", {g.input("picture")});  // beside text_encode
  const auto clip = g.role("denoise", {g.input("noise"), text, image});
  g.output("text", text);
  g.output("image", image);
  g.output("clip", clip);
  g.output("frames", g.role("decode", {clip, image}));
  return g;
}

Graph i2vgen_xl_graph() {
  Graph g;
  const auto text = g.role("text_encode", {g.input("prompt")});
  const auto picture = g.input("picture");
  const auto image = g.role("image_encode", {picture});
  const auto embedding = g.role("image_embed", {picture});
  const auto clip = g.role("denoise", {g.input("noise"), text, image, embedding});
  g.output("text", text);
  g.output("image", image);
  g.output("embedding", embedding);
  g.output("clip", clip);
  g.output("frames", g.role("decode", {clip, image}));
  return g;
}

// The bundled model.
Recipe animate() {
  return {.class_name = "ZoetropeAnimatePipeline",
          .graph = animate_graph(),
          .guidance = Recipe::Guidance::kImageAndText,
          .picture_fit = Recipe::PictureFit::kPadded,
          .frame_condition = Recipe::FrameCondition::kRepeated,
          .rate_slot = Recipe::RateSlot::kMotion,
          .keep_first_frame = true,
          .width = 128,
          .height = 128,
          .steps = 15,
          .fps = 12,
          .text_guidance = 3.0};
}

// diffusers: pipelines/i2vgen_xl/pipeline_i2vgen_xl.py (arXiv 2311.04145).
Recipe i2vgen_xl() {
  return {.class_name = "I2VGenXLPipeline",
          .graph = i2vgen_xl_graph(),
          .guidance = Recipe::Guidance::kClassifierFree,
          .picture_fit = Recipe::PictureFit::kCroppedWide,
          .frame_condition = Recipe::FrameCondition::kPositionMask,
          .rate_slot = Recipe::RateSlot::kFps,
          .image_encoder = true,
          .text_layers_skipped = 1,
          .width = 1280,
          .height = 704,
          .steps = 50,
          .fps = 16,
          .text_guidance = 9.0};
}

const std::array<Recipe, 2>& recipes() {
  static const std::array kRecipes = {animate(), i2vgen_xl()};
  return kRecipes;
}

}  // namespace

const Recipe* find_recipe(const std::string& class_name) {
  for (const Recipe& recipe : recipes()) {
    if (recipe.class_name == class_name) return &recipe;
  }
  return nullptr;
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) names.push_back(recipe.class_name);
  return names;
}

}  // namespace zoetrope::pipeline
