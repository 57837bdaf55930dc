#include "train/training_data.h"

#include <ATen/ATen.h>

#include "weights/checkpoint.h"
#include "weights/json_config.h"

namespace zoetrope::train {
namespace {

base::Status check_shape(const at::Tensor& t, at::IntArrayRef want, const std::string& what) {
  bool same = t.dim() == static_cast<int64_t>(want.size());
  for (int64_t i = 0; same && i < t.dim(); ++i) same = want[i] < 0 || want[i] == t.size(i);
  return same ? base::Status() : base::data_loss(what + " has an unexpected shape");
}

base::Result<at::Tensor> read(const std::string& folder, const std::string& file,
                              const std::string& name) {
  const std::string path = folder + "/" + file;
  ZT_ASSIGN_OR_RETURN(const auto checkpoint, weights::Checkpoint::open(path));
  if (!checkpoint.has(name)) return base::data_loss(path + ": no tensor '" + name + "'");
  return checkpoint.tensor(name);
}

std::vector<int64_t> numbers(const at::Tensor& t) {
  const at::Tensor wide = t.to(at::kLong).contiguous();
  return {wide.const_data_ptr<int64_t>(), wide.const_data_ptr<int64_t>() + wide.numel()};
}

void split(const at::Tensor& held_out, std::vector<int64_t>& train, std::vector<int64_t>& held) {
  const auto flags = numbers(held_out);
  for (size_t i = 0; i < flags.size(); ++i) {
    (flags[i] != 0 ? held : train).push_back(static_cast<int64_t>(i));
  }
}

}  // namespace

base::Result<TrainingData> TrainingData::open(const std::string& folder) {
  TrainingData d;
  d.folder = folder;
  ZT_ASSIGN_OR_RETURN(d.clips, read(folder, "clips.safetensors", "frames"));
  ZT_RETURN_IF_ERROR(check_shape(d.clips, {-1, -1, -1, -1, 3}, folder + "/clips.safetensors"));
  ZT_ASSIGN_OR_RETURN(d.stills, read(folder, "stills.safetensors", "frames"));
  ZT_RETURN_IF_ERROR(check_shape(d.stills, {-1, d.clips.size(2), d.clips.size(3), 3},
                                 folder + "/stills.safetensors"));
  const std::string index = "index.safetensors";
  const int64_t n = d.clips.size(0);
  ZT_ASSIGN_OR_RETURN(const at::Tensor prompts, read(folder, index, "prompts"));
  ZT_RETURN_IF_ERROR(check_shape(prompts, {n, -1, -1}, folder + "/" + index + ": prompts"));
  d.prompts = prompts.to(at::kLong);
  ZT_ASSIGN_OR_RETURN(const at::Tensor empty, read(folder, index, "empty_prompt"));
  ZT_RETURN_IF_ERROR(check_shape(empty, {d.prompts.size(2)}, folder + "/" + index));
  d.empty_prompt = empty.to(at::kLong);
  ZT_ASSIGN_OR_RETURN(const at::Tensor concept_of, read(folder, index, "concept"));
  ZT_RETURN_IF_ERROR(check_shape(concept_of, {n}, folder + "/" + index + ": concept"));
  d.concept_of = numbers(concept_of);
  ZT_ASSIGN_OR_RETURN(const at::Tensor held, read(folder, index, "held_out"));
  ZT_RETURN_IF_ERROR(check_shape(held, {n}, folder + "/" + index + ": held_out"));
  split(held, d.train_clips, d.held_out_clips);
  ZT_ASSIGN_OR_RETURN(const at::Tensor still_held, read(folder, index, "still_held_out"));
  ZT_RETURN_IF_ERROR(check_shape(still_held, {d.stills.size(0)}, folder + "/" + index));
  split(still_held, d.train_stills, d.held_out_stills);
  ZT_ASSIGN_OR_RETURN(const at::Tensor still_prompts, read(folder, index, "still_prompts"));
  ZT_RETURN_IF_ERROR(check_shape(still_prompts,
                                 {d.stills.size(0), d.prompts.size(1), d.prompts.size(2)},
                                 folder + "/" + index + ": still_prompts"));
  d.still_prompts = still_prompts.to(at::kLong);
  ZT_ASSIGN_OR_RETURN(const at::Tensor animated, read(folder, index, "still_animated"));
  ZT_RETURN_IF_ERROR(check_shape(animated, {d.stills.size(0)}, folder + "/" + index));
  const auto has_clip = numbers(animated);
  for (const int64_t still : d.train_stills) {
    if (has_clip[still] == 0) d.lone_stills.push_back(still);
  }
  ZT_ASSIGN_OR_RETURN(const auto json, weights::JsonObject::read(folder + "/index.json"));
  d.captions = json.require<std::vector<std::string>>("captions");
  d.vocabulary = json.require<int64_t>("vocabulary");
  if (static_cast<int64_t>(d.captions.size()) != n) {
    return base::data_loss(folder + "/index.json: captions: one per clip expected");
  }
  if (d.train_clips.empty()) return base::invalid_argument(folder + ": every clip is held out");
  return d;
}

at::Tensor to_signed_unit(const at::Tensor& pixels) {
  return pixels.to(at::kFloat).mul(1.0 / 127.5).sub(1.0);
}

at::Tensor to_pixels(const at::Tensor& pictures) {
  return pictures.to(at::kFloat).add(1.0).mul(127.5).round().clamp(0, 255).to(at::kByte);
}

}  // namespace zoetrope::train
