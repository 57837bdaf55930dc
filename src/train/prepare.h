// Turns a folder of captioned clips into the form training reads (training_data.h): decodes, sets
// whole concepts aside for validation, learns the vocabulary and tokenises the prompts.
//
// Two kinds of folder are read:
// - a sticker pack: animations-128px.mkv (16 frames a clip, one after the other) with
//   animations.jsonl, and stills-128px.mkv with stills.jsonl; fields caption and keywords;
// - plain clips: captions.jsonl with the fields file, caption and, if wanted, keywords.
#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"

namespace zoetrope::train {

struct PrepareOptions {
  std::string data_folder;
  std::string out_folder;
  std::string held_out_list;  // file: one concept a line; empty = hold nothing out
  int64_t frames = 16;        // a clip
  int64_t size = 128;         // height and width
  int64_t vocabulary = 2560;
  int64_t prompt_length = 24;
  int64_t phrasings = 8;  // prompts a clip: the caption, then the caption with random keywords
  uint64_t seed = 0;
};

struct PrepareSummary {
  int64_t clips = 0, held_out_clips = 0;
  int64_t stills = 0;
  int64_t concepts = 0, held_out_concepts = 0;
  int64_t vocabulary = 0;
};

// Errors name the file, and the line and field where there is one.
base::Result<PrepareSummary> prepare(const PrepareOptions& options,
                                     const base::ProgressSink& progress,
                                     const base::CancelToken& cancel);

// What a caption is about, without skin tone and without who does it: "woman bowing: dark skin
// tone" and "person bowing" are one concept, so that a held-out motion is truly unseen.
std::string concept_of_caption(const std::string& caption);

}  // namespace zoetrope::train
