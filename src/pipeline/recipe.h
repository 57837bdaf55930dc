// Recipe: what distinguishes one animate pipeline from another, as data: its graph of roles and
// the choices the role functions read. Found by `_class_name` of model_index.json.
//
// Bundles on the edges (shapes without a batch dimension belong to one request, n counts its
// results):
//   prompt   text: the prompt; negative_text (optional): what stands in guidance instead of the
//            empty text
//   picture  pixels u8 [h, w, 3]; num_frames, and own_first_frame if that is wanted
//   noise    noise fp32 [n, f, h, w, c]; distilled (the student is asked), steps, image_guidance,
//            text_guidance, motion, fps, keep_trajectory; cache_blocks (optional)
//   text     text and negative_text [1, n, c]; tokens, truncated, and the same of the negative one
//   image    image_latents [1, f, h, w, c], first_frame u8 [h, w, 3]
//   embedding  image_embeddings [1, c]
//   clip     latents fp32 [n, f, h, w, c] and, if asked for, trajectory [n, steps, f, h, w, c]
//   frames   frames u8 [n, f, h, w, 3] and, if asked for, own_first_frame u8 [n, h, w, 3]: frame 0
//            as the network made it
#pragma once

#include <string>
#include <vector>

#include "pipeline/graph.h"

namespace zoetrope::pipeline {

struct Recipe {
  enum class Guidance { kImageAndText, kClassifierFree };
  enum class PictureFit {
    kPadded,       // whole picture, padded with its own background colour
    kCroppedWide,  // the middle of the picture fills the frame
  };
  enum class FrameCondition {
    kRepeated,      // every frame gets the picture's latents
    kPositionMask,  // the first frame does; frame i gets the constant i / (frames - 1)
  };
  enum class RateSlot { kMotion, kFps };

  std::string class_name;
  Graph graph;
  Guidance guidance;
  PictureFit picture_fit;
  FrameCondition frame_condition;
  RateSlot rate_slot;             // what the network's fps input means
  bool image_encoder = false;     // has a CLIP image encoder
  bool keep_first_frame = false;  // frame 0 of the result is the fitted picture itself
  int text_layers_skipped = 0;    // at the end of the text encoder (diffusers: clip_skip)

  // For models whose model_index.json does not say.
  int width = 0;
  int height = 0;
  int steps = 0;
  int fps = 0;
  double text_guidance = 1;
};

// Null where there is none of that name.
const Recipe* find_recipe(const std::string& class_name);
std::vector<std::string> recipe_names();

// What the U-Net's fps input is given for a motion strength in [0, 1]. Negative means "not given".
inline double motion_rate(double motion) { return 100.0 * motion; }

}  // namespace zoetrope::pipeline
