// A data set prepared for training: decoded frames and tokenised prompts as memory-mapped
// safetensors, so that training starts at once and needs neither a video decoder nor a tokenizer.
// `zoetrope train prepare` writes it (prepare.h); the folder holds
//   clips.safetensors   frames U8 [n, f, h, w, 3]
//   stills.safetensors  frames U8 [m, h, w, 3]
//   index.safetensors   prompts I32 [n, v, l] (v phrasings, l token ids), empty_prompt I32 [l],
//                       concept I32 [n], held_out U8 [n]; still_prompts I32 [m, v, l],
//                       still_held_out U8 [m], still_animated U8 [m] (a clip of it exists)
//   index.json          captions, one a clip; vocabulary: the number of tokens
//   tokenizer/          the vocabulary the prompts are in
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::train {

struct TrainingData {
  std::string folder;
  at::Tensor clips;                                    // u8 [n, f, h, w, 3], mapped
  at::Tensor stills;                                   // u8 [m, h, w, 3], mapped
  at::Tensor prompts;                                  // int64 [n, v, l]
  at::Tensor still_prompts;                            // int64 [m, v, l]
  at::Tensor empty_prompt;                             // int64 [l]
  int64_t vocabulary = 0;                              // token ids are below this
  std::vector<int64_t> concept_of;                     // per clip
  std::vector<int64_t> train_clips, held_out_clips;    // clip numbers
  std::vector<int64_t> train_stills, held_out_stills;  // still numbers
  std::vector<int64_t> lone_stills;                    // training stills without a clip
  std::vector<std::string> captions;                   // per clip

  // Errors name the file and the field.
  static base::Result<TrainingData> open(const std::string& folder);
};

// u8 pictures [..., h, w, 3] to fp32 in [-1, 1], and back (rounded, clamped).
at::Tensor to_signed_unit(const at::Tensor& pixels);
at::Tensor to_pixels(const at::Tensor& pictures);

}  // namespace zoetrope::train
