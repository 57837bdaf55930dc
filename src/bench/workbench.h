// What the measurements of this folder stand on: a loaded model whose parts they may exchange, and
// pictures with their texts, encoded.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "media/image.h"
#include "pipeline/components.h"
#include "pipeline/model.h"
#include "pipeline/roles.h"

namespace zoetrope::bench {

struct Question {
  std::string name;
  media::Image picture;
  std::string prompt;
};

struct Workbench {
  pipeline::ModelIndex index;
  pipeline::Components components;
  pipeline::ModelTraits defaults;
};
// Throws base::Error naming the file.
std::unique_ptr<Workbench> open_workbench(const std::filesystem::path& folder, at::ScalarType dtype,
                                          at::Device device);

// The model's own noise schedule under another solver: its scheduler_config.json with `changes`.
std::unique_ptr<const diffusion::Scheduler> solver_of(const Workbench& bench,
                                                      const nlohmann::json& changes);

// One question as the denoise role is given it, with the model's own guidance and motion.
struct Scene {
  std::string name;
  pipeline::Bundle noise, text, image;
  std::optional<pipeline::Bundle> embedding;

  const pipeline::Bundle* embedding_or_null() const { return embedding ? &*embedding : nullptr; }
};
// `steps`: of the solver. The noise is that of `seed`, on the CPU.
Scene make_scene(const Workbench& bench, const Question& question, int steps, uint64_t seed);

pipeline::DenoiseSession session_of(const Workbench& bench, const Scene& scene);

// u8 [f, h, w, 3] of latents [f, h, w, c].
at::Tensor decode_scene(const Workbench& bench, const Scene& scene, const at::Tensor& latents);

// Over the frames the network made (not a first one that is the picture itself), in dB; infinite
// for equal frames.
double psnr_db(const Workbench& bench, const at::Tensor& frames, const at::Tensor& reference);

}  // namespace zoetrope::bench
