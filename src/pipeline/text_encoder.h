// TextEncoder: a prompt to an input of a diffusion transformer: a tokenizer and a network.
// Immutable after loading; any thread may use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "pipeline/model_index.h"

namespace zoetrope::pipeline {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  struct Encoded {
    at::Tensor states;  // [1, ...], in the encoder's dtype
    at::Tensor pooled;  // [1, c], of kClipStates
    int tokens = 0;     // without the padding
    bool truncated = false;
  };
  // UTF-8.
  virtual Encoded encode(const std::string& text) const = 0;
};

// Throws base::Error naming the file.
std::unique_ptr<TextEncoder> load_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                                               at::ScalarType dtype, at::Device device);

// A text encoder for the time that it is needed. One that leaves its device afterwards is alone
// there with respect to the others.
struct HeldTextEncoder {
  std::unique_lock<std::mutex> alone;
  std::shared_ptr<const TextEncoder> encoder;
};
using TextEncoderProvider = std::function<HeldTextEncoder()>;

// Loads at once, or, where `index.placement` says that text encoders leave, whenever it is asked,
// and drops the encoder with its last user. `one_at_a_time`: shared by the model's encoders.
TextEncoderProvider text_encoder_provider(const ModelIndex& index, const TextEncoderSpec& spec,
                                          at::ScalarType dtype, at::Device device,
                                          std::shared_ptr<std::mutex> one_at_a_time);

// The network alone: for component_loaders.
std::shared_ptr<const void> build_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                                               weights::ParameterSource& source);

}  // namespace zoetrope::pipeline
