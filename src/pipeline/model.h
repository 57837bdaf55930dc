// Model: a loaded model folder, whatever its family, as the engine sees it: the graph of roles,
// what runs at each of them, and what may be asked for.
//
// Immutable after loading; any thread may use it.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/attention.h"
#include "pipeline/denoise_hooks.h"
#include "pipeline/distilled_limits.h"
#include "pipeline/graph.h"
#include "pipeline/model_index.h"
#include "tensor/weight_format.h"

namespace zoetrope::pipeline {

// What a request is made of.
enum class Source { kText, kPicture };

// What a model does when nobody says otherwise, and what it can do at all.
struct ModelTraits {
  std::string class_name;       // of model_index.json
  std::vector<Source> sources;  // the first is what the model is for
  bool makes_video = false;
  int width = 0;  // pixels of the frames it makes
  int height = 0;
  int size_multiple = 0;  // requests may ask for other sizes, in multiples of this; 0: they may not
  int num_frames = 1;
  int max_frames = 1;
  int frame_multiple = 1;  // num_frames must be a multiple of this, plus 1
  int fps = 12;
  int steps = 0;
  bool three_way_guidance = false;  // picture and text have scales of their own
  double image_guidance = 1;
  double text_guidance = 1;
  bool guidance_embeds = false;  // text_guidance is told to the network; true_guidance is apart
  bool has_motion = false;
  double motion = 0;
  int max_prompt_tokens = 0;
  tensor::WeightFormat linears = tensor::WeightFormat::kPlain;  // the denoiser's linear layers
  ops::AttentionPrecision attention = ops::AttentionPrecision::kExact;
  bool lossless = true;       // whether these two pass for the checkpoint's own precision
  int block_cache_steps = 0;  // 0: block caching was not measured
  std::optional<DistilledLimits> student;
};

// The size of one run.
struct RunSize {
  int64_t num_frames = 1;
  int64_t width = 0;
  int64_t height = 0;
  bool keeps_blocks = false;    // block caching
  int64_t together = 1;         // results that share a pass of the network
  bool guided = true;           // branches with and without the text, not one alone
  bool branches_apart = false;  // as in DenoiseHooks
  int64_t decode_tile = 0;      // as in Autoencoder::decode

  friend auto operator<=>(const RunSize&, const RunSize&) = default;
};

class Model {
 public:
  Model(at::Device device, at::ScalarType dtype) : device_(device), dtype_(dtype) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  at::Device device() const { return device_; }
  at::ScalarType dtype() const { return dtype_; }

  virtual ModelTraits traits() const = 0;
  virtual const Graph& graph(Source source) const = 0;
  // Serves one run; the model must outlive it.
  virtual RoleTable roles(DenoiseHooks hooks) const = 0;
  // [f, h, w, c] of a run's noise.
  virtual std::vector<int64_t> latent_shape(const RunSize& size) const = 0;

 private:
  at::Device device_;
  at::ScalarType dtype_;
};

// Weights are memory-mapped and converted only where dtype or device differ from the file's.
// Throws base::Error naming the file and the field or parameter at fault.
std::unique_ptr<Model> load_model(const ModelIndex& index, at::ScalarType dtype, at::Device device);

}  // namespace zoetrope::pipeline
