// Taps: named views of intermediate tensors, for golden tests and debugging. A network calls
// tap(path, x) after each block; unless the current thread holds a TapSink this costs one branch.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

namespace zoetrope::nn {

using TapFunction = std::function<void(const std::string& path, const at::Tensor& value)>;

// While alive, receives every tap of the current thread. Nests; the innermost wins.
class TapSink {
 public:
  explicit TapSink(TapFunction function);
  ~TapSink();
  TapSink(const TapSink&) = delete;
  TapSink& operator=(const TapSink&) = delete;

 private:
  TapFunction function_;
  const TapFunction* previous_;
};

void tap(const std::string& path, const at::Tensor& value);

}  // namespace zoetrope::nn
