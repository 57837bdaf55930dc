#include "models/clip_vision/preprocess.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "base/status.h"

namespace zoetrope::models {
namespace {

std::array<double, 3> channels(const weights::JsonObject& json, const char* field,
                               const std::array<double, 3>& otherwise) {
  const auto values = json.get<std::vector<double>>(field, {otherwise.begin(), otherwise.end()});
  if (values.size() != 3) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() + ": " + field + " needs 3 entries");
  }
  return {values[0], values[1], values[2]};
}

at::Tensor row(const std::array<double, 3>& values, at::Device device) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat).to(device);
}

}  // namespace

ClipImageStatistics ClipImageStatistics::from_json(const weights::JsonObject& json) {
  ClipImageStatistics s;
  s.mean = channels(json, "image_mean", s.mean);
  s.std = channels(json, "image_std", s.std);
  if (std::any_of(s.std.begin(), s.std.end(), [](double v) { return v <= 0.0; })) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() + ": image_std must be positive");
  }
  return s;
}

at::Tensor clip_preprocess(const at::Tensor& images, const ClipImageStatistics& statistics) {
  return (images.to(at::kFloat) - row(statistics.mean, images.device())) /
         row(statistics.std, images.device());
}

}  // namespace zoetrope::models
