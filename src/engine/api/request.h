// What a caller asks for: a clip or a picture from a text, a picture or both. Plain data, no torch.
//
// Fields left empty take the model's own default. `resolve` fills them in and checks everything
// once, at the edge; whatever is behind it trusts a ResolvedRequest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace zoetrope::engine {

// How much a clip may differ from what the model says for the sake of speed. kTurbo is no wish but
// what an engine answers whose weights were opened in a format that is not lossless.
enum class Tier {
  kLossless,  // not at all
  kBalanced,  // block caching, as it was measured for the model (docs/block_caching.md)
  kTurbo,     // weights of fewer bits (docs/quantisation.md)
};

// Which of a model's networks makes the clip.
enum class Quality {
  kFast,  // the distilled student: few steps, one pass each
  kBest,  // the teacher: any number of steps, one to three passes each
};

// What is made of what. kImageToImage of a model that makes clips is one frame of a clip.
enum class Task { kImageToVideo, kTextToVideo, kTextToImage, kImageToImage };

// What a distilled student can be asked for: what it was trained on.
struct StudentLimits {
  int steps = 0;  // no other number
  double least_image_guidance = 1;
  double most_image_guidance = 1;
  double least_text_guidance = 1;
  double most_text_guidance = 1;
};

// What a model does when nobody says otherwise, and what it can do at all.
struct ModelDefaults {
  std::string pipeline;     // "_class_name" of model_index.json
  std::vector<Task> tasks;  // what it can do; the first is what it is for
  int width = 0;            // pixels of the frames the model makes
  int height = 0;
  int size_multiple = 0;  // requests may ask for other sizes, in multiples of this; 0: they may not
  bool makes_video = true;
  int num_frames = 16;
  int max_frames = 16;
  int frame_multiple = 1;  // num_frames must be a multiple of this, plus 1
  int fps = 12;
  int steps = 15;
  int max_steps = 1000;
  bool three_way_guidance = false;  // else image_guidance has no meaning
  double image_guidance = 1.5;
  double text_guidance = 3.0;
  bool guidance_embeds = false;  // text_guidance is told to the network: one pass a step
  bool has_motion = false;       // else motion has no meaning
  double motion = 0.7;
  int max_prompt_tokens = 77;
  int block_cache_steps = 0;  // the steps that block caching was measured for; 0: it was not
  std::optional<StudentLimits> student;  // then kFast is the default
};

// Whether strength has a meaning: the model changes pictures.
bool has_strength(const ModelDefaults& defaults);

inline constexpr double kDefaultStrength = 0.6;  // diffusers' for FLUX

struct Request {
  Task task = Task::kImageToVideo;
  media::Image picture;                        // any size and shape; of the picture tasks
  std::string prompt;                          // UTF-8; empty means "whatever the picture suggests"
  std::optional<std::string> negative_prompt;  // takes the empty text's place in guidance
  uint64_t seed = 0;
  std::optional<Quality> quality;
  std::optional<int> num_frames;
  std::optional<int> fps;
  std::optional<int> steps;
  std::optional<double> image_guidance;  // how much nearer to the picture
  std::optional<double> text_guidance;   // how much nearer to the text
  std::optional<double> true_cfg_scale;  // guidance_embeds: with a negative prompt, over 1
  std::optional<double> strength;        // image_to_image: how much of the picture goes, 0 .. 1
  std::optional<double> motion;          // 0 nearly still .. 1 lively
  std::optional<int> width;              // of the frames the model makes, where it can choose
  std::optional<int> height;
  std::optional<int> size;   // longer side of the frames returned; enlarges or reduces
  std::optional<int> frame;  // of kImageToImage: which frame of the clip, from 0
  Tier tier = Tier::kLossless;

  // Also return frame 0 as the network made it, where the model puts the picture itself there.
  bool own_first_frame = false;

  // For checks against other implementations, see docs/life_of_a_request.md.
  std::filesystem::path latents_file;  // starting noise: safetensors with "noise" [f, h, w, c]
  std::filesystem::path dump_folder;   // receives noise, conditioning and latents as safetensors
};

struct ResolvedRequest {
  Task task = Task::kImageToVideo;
  media::Image picture;
  std::string prompt;
  std::string negative_prompt;  // empty: the empty text stands in guidance
  uint64_t seed = 0;
  Quality quality = Quality::kBest;
  int num_frames = 0;
  std::optional<int> frame;  // the one that is wanted; empty: all of them
  int fps = 0;
  int steps = 0;
  double image_guidance = 1;
  double text_guidance = 1;
  double true_cfg_scale = 1;
  double strength = 1;
  double motion = 0;
  int model_width = 0;  // of the frames the model makes
  int model_height = 0;
  int width = 0;  // of the frames returned
  int height = 0;
  bool own_first_frame = false;
  Tier tier = Tier::kLossless;
  std::filesystem::path latents_file;
  std::filesystem::path dump_folder;
};

// kInvalidArgument, one line that starts with the field's name.
base::Result<ResolvedRequest> resolve(Request request, const ModelDefaults& defaults);

// The prompt as valid UTF-8: every malformed byte becomes U+FFFD. `replaced` counts them.
std::string sanitise_utf8(const std::string& text, int& replaced);

}  // namespace zoetrope::engine
