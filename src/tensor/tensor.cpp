#include "tensor/tensor.h"

#include <limits>

#include "base/status.h"

namespace zoetrope::tensor {

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined tensor";
  std::string text = c10::toString(tensor.scalar_type());
  text += "[";
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(tensor.size(i));
  }
  return text + "] on " + tensor.device().str();
}

double relative_l2(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.sizes() != expected.sizes()) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      "relative_l2: " + describe(actual) + " against " + describe(expected));
  }
  const at::Tensor reference = expected.detach().to(at::kCPU, at::kDouble);
  const at::Tensor difference = actual.detach().to(at::kCPU, at::kDouble) - reference;
  const double error = difference.norm().item<double>();
  const double scale = reference.norm().item<double>();
  if (error == 0.0) return 0.0;
  return scale == 0.0 ? error * std::numeric_limits<double>::infinity() : error / scale;
}

}  // namespace zoetrope::tensor
