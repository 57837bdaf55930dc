#include "pipeline/bundle.h"

#include "base/status.h"

namespace zoetrope::pipeline {

const at::Tensor& Bundle::tensor(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  std::string message = "no tensor '" + name + "' in the bundle; it holds:";
  for (const auto& [key, value] : tensors) message += " " + key;
  throw base::Error(base::StatusCode::kInternal, message);
}

void Bundle::throw_missing_fact(const std::string& name) const {
  throw base::Error(base::StatusCode::kInternal,
                    "no usable fact '" + name + "' in the bundle: " + facts.dump());
}

}  // namespace zoetrope::pipeline
