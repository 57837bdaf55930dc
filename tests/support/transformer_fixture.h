// The fixtures of tests/fixtures/pipeline/transformers as model folders: a checkpoint's files with
// generated weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "weights/parameters.h"

namespace zoetrope::test_support {

class TransformerFixture {
 public:
  static constexpr std::array kNames = {"flux", "flux_from_picture", "hidream",         "sd3",
                                        "wan",  "wan_two_experts",   "wan_from_picture"};

  explicit TransformerFixture(const std::string& name);

  // Writes the model into the folder, which exists: configurations, tokenizers, fp32 weights.
  void write_model(const std::filesystem::path& folder) const;

  // In the words of `zoetrope generate`.
  const nlohmann::json& request() const { return request_; }
  // "noise" [f, h, w, c]; what diffusers makes of it, "frames" u8 [f, h, w, 3]; "picture" u8
  // [h, w, 3].
  const at::Tensor& tensor(const std::string& name) const { return case_.at(name); }
  bool has_picture() const { return case_.contains("picture"); }

 private:
  void write_weights(const std::filesystem::path& component,
                     const std::filesystem::path& target) const;

  std::filesystem::path source_;
  nlohmann::json request_, tokenizers_, scales_;
  weights::ParameterMap case_;
};

// Adds blocks behind those of the FLUX, HiDream or Wan model in `folder`: each like the first of
// its kind, with weights a little larger than the one before.
void add_blocks(const std::filesystem::path& folder, int64_t count);

}  // namespace zoetrope::test_support
