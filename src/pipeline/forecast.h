// Forecast: the memory that runs of a model take, known before a weight is read. The model's own
// roles run on the meta device (tensor/dry_run.h) from made-up inputs of the right shapes, through
// a few denoising steps, one role after the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/model.h"

namespace zoetrope::pipeline {

struct Forecast {
  struct Role {
    std::string name;
    int64_t peak_bytes;  // of the tensors that live at one time while it runs, besides weights
    bool after_denoise;
  };
  std::vector<Role> roles;  // in the order they run
  // Of recorded passes of the denoiser (CUDA graphs), which keep their memory once they were made.
  int64_t recorded_bytes = 0;

  int64_t peak_bytes() const;
};

struct ComponentBytes {
  std::string name;  // "text_encoder"
  int64_t bytes;
};

// Any thread may ask; one at a time is answered.
class Forecaster {
 public:
  // Reads the headers of the weights and the tokenizers. Throws what loading the model would throw
  // for what is wrong with either. `device`: what the runs will be on.
  Forecaster(const ModelIndex& index, at::ScalarType dtype, at::Device device);

  ModelTraits traits() const { return model_->traits(); }
  // What each component's weights take on the device.
  const std::vector<ComponentBytes>& weights() const { return weights_; }
  int64_t weight_bytes() const;

  // Of a run from a text or a picture, whichever takes more. Asked again for a size, it remembers.
  Forecast run(const RunSize& size) const;
  Forecast run(const RunSize& size, Source source) const;

 private:
  at::Device device_;
  std::vector<ComponentBytes> weights_;
  std::unique_ptr<Model> model_;  // of meta tensors
  mutable std::mutex mutex_;
  mutable std::map<RunSize, Forecast> known_;
};

}  // namespace zoetrope::pipeline
