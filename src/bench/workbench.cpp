#include "bench/workbench.h"

#include <ATen/ATen.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "diffusion/scheduler_config.h"
#include "pipeline/animate_model.h"
#include "pipeline/picture.h"
#include "tensor/noise.h"

namespace zoetrope::bench {

std::unique_ptr<Workbench> open_workbench(const std::filesystem::path& folder, at::ScalarType dtype,
                                          at::Device device) {
  pipeline::ModelIndex index = pipeline::read_model_index(folder);
  pipeline::Components components = pipeline::load_components(index, dtype, device);
  pipeline::ModelTraits defaults = pipeline::animate_traits(index, components);
  return std::make_unique<Workbench>(
      Workbench{std::move(index), std::move(components), std::move(defaults)});
}

std::unique_ptr<const diffusion::Scheduler> solver_of(const Workbench& bench,
                                                      const nlohmann::json& changes) {
  const std::filesystem::path path = bench.index.folder / "scheduler" / "scheduler_config.json";
  std::ifstream file(path);
  nlohmann::json config = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) throw base::Error(base::data_loss(path.string() + ": not valid JSON"));
  config.update(changes);
  return diffusion::make_scheduler(config);
}

Scene make_scene(const Workbench& bench, const Question& question, int steps, uint64_t seed) {
  const pipeline::ModelTraits& defaults = bench.defaults;
  pipeline::Bundle prompt, picture;
  prompt.facts = {{"text", question.prompt}};
  picture.tensors["pixels"] = pipeline::to_pixels(question.picture);
  picture.facts = {
      {"num_frames", defaults.num_frames}, {"width", defaults.width}, {"height", defaults.height}};
  Scene scene{.name = question.name, .noise = {}, .text = {}, .image = {}, .embedding = {}};
  scene.noise.tensors["noise"] =
      tensor::gaussian_noise(pipeline::latent_shape(bench.components, defaults.num_frames,
                                                    defaults.width, defaults.height),
                             seed, 0, 0, at::kCPU);
  scene.noise.facts = {{"steps", steps},
                       {"image_guidance", defaults.image_guidance},
                       {"text_guidance", defaults.text_guidance},
                       {"motion", defaults.motion},
                       {"fps", static_cast<double>(defaults.fps)},
                       {"keep_trajectory", false}};
  scene.text = pipeline::text_encode(bench.components, prompt);
  scene.image = pipeline::image_encode(bench.components, picture);
  if (bench.components.recipe->image_encoder) {
    scene.embedding = pipeline::image_embed(bench.components, picture);
  }
  return scene;
}

pipeline::DenoiseSession session_of(const Workbench& bench, const Scene& scene) {
  return pipeline::make_session(bench.components, scene.noise, scene.text, scene.image,
                                scene.embedding_or_null(), {}, {});
}

at::Tensor decode_scene(const Workbench& bench, const Scene& scene, const at::Tensor& latents) {
  pipeline::Bundle clip;
  clip.tensors["latents"] = latents;
  return pipeline::decode(bench.components, clip, scene.image, {}).tensor("frames");
}

double psnr_db(const Workbench& bench, const at::Tensor& frames, const at::Tensor& reference) {
  const int64_t first = bench.components.recipe->keep_first_frame && frames.size(0) > 1 ? 1 : 0;
  const auto made = [first](const at::Tensor& t) { return t.slice(0, first).to(at::kDouble); };
  const double error = (made(frames) - made(reference)).square().mean().item<double>();
  return 10.0 * std::log10(255.0 * 255.0 / error);
}

}  // namespace zoetrope::bench
