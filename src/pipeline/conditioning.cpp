#include "pipeline/conditioning.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::pipeline {

Conditioning concatenate(const std::vector<const Conditioning*>& parts) {
  base::require(!parts.empty(), "concatenate: no conditioning");
  if (parts.size() == 1) return *parts.front();
  const auto join = [&](const auto& member) {
    std::vector<at::Tensor> tensors;
    tensors.reserve(parts.size());
    for (const Conditioning* part : parts) tensors.push_back(member(*part));
    return at::cat(tensors, 0);
  };
  Conditioning out;
  out.image_latents = join([](const Conditioning& c) { return c.image_latents; });
  out.embedding = join([](const Conditioning& c) { return c.embedding; });
  for (size_t i = 0; i < parts.front()->attention.size(); ++i) {
    out.attention.push_back({join([i](const Conditioning& c) { return c.attention.at(i).k; }),
                             join([i](const Conditioning& c) { return c.attention.at(i).v; })});
  }
  return out;
}

std::vector<at::Tensor> tensors_of(const Conditioning& conditioning) {
  std::vector<at::Tensor> all = {conditioning.image_latents, conditioning.embedding};
  for (const nn::KeyValue& kv : conditioning.attention) {
    all.push_back(kv.k);
    all.push_back(kv.v);
  }
  return all;
}

}  // namespace zoetrope::pipeline
