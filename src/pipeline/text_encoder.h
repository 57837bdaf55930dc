// TextEncoder: a prompt to an input of a diffusion transformer: a tokenizer and a network.
// Immutable after loading; any thread may use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "pipeline/model_index.h"

namespace zoetrope::pipeline {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  struct Encoded {
    at::Tensor states;  // [1, ...], in the encoder's dtype
    int tokens = 0;     // without the padding
    bool truncated = false;
  };
  // UTF-8.
  virtual Encoded encode(const std::string& text) const = 0;
};

// Throws base::Error naming the file.
std::unique_ptr<TextEncoder> load_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                                               at::ScalarType dtype, at::Device device);

// The network alone: for component_loaders.
void build_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                        weights::ParameterSource& source);

}  // namespace zoetrope::pipeline
