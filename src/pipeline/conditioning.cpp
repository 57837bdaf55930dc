#include "pipeline/conditioning.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::pipeline {

Conditioning concatenate(const std::vector<const Conditioning*>& parts) {
  base::require(!parts.empty(), "concatenate: no conditioning");
  if (parts.size() == 1) return *parts.front();
  Conditioning joined{.rows = {}, .shared = parts.front()->shared};
  for (size_t i = 0; i < parts.front()->rows.size(); ++i) {
    std::vector<at::Tensor> tensors;
    tensors.reserve(parts.size());
    for (const Conditioning* part : parts) tensors.push_back(part->rows.at(i));
    joined.rows.push_back(at::cat(tensors, 0));
  }
  return joined;
}

Conditioning row_of(const Conditioning& conditioning, int64_t row) {
  Conditioning one{.rows = {}, .shared = conditioning.shared};
  for (const at::Tensor& rows : conditioning.rows) one.rows.push_back(rows.narrow(0, row, 1));
  return one;
}

std::vector<at::Tensor> tensors_of(const Conditioning& conditioning) {
  std::vector<at::Tensor> all = conditioning.rows;
  all.insert(all.end(), conditioning.shared.begin(), conditioning.shared.end());
  return all;
}

}  // namespace zoetrope::pipeline
