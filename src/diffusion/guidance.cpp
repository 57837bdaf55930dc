#include "diffusion/guidance.h"

#include <numeric>

#include "base/status.h"
#include "ops/weighted_sum.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {
namespace {

// Standard deviation of every sample over all its elements, [b, 1, 1, ...].
at::Tensor sample_std(const at::Tensor& batch) {
  std::vector<int64_t> dimensions(batch.dim() - 1);
  std::iota(dimensions.begin(), dimensions.end(), 1);
  return at::std(batch, dimensions, /*unbiased=*/true, /*keepdim=*/true);
}

}  // namespace

GuidancePlan::GuidancePlan(std::vector<GuidanceBranch> branches, double rescale)
    : rescale_(rescale) {
  base::require(rescale >= 0.0 && rescale <= 1.0, "guidance rescale: must be between 0 and 1");
  for (const GuidanceBranch& branch : branches) {
    // Rescaling measures against the full branch, whatever its weight.
    const bool measured = rescale > 0.0 && branch.conditioning == Conditioning::kFull;
    if (branch.weight != 0.0 || measured) branches_.push_back(branch);
  }
}

GuidancePlan GuidancePlan::classifier_free(double scale, double rescale) {
  return {{{Conditioning::kNone, 1.0 - scale}, {Conditioning::kFull, scale}}, rescale};
}

GuidancePlan GuidancePlan::image_and_text(double image_scale, double text_scale, double rescale) {
  return {{{Conditioning::kNone, 1.0 - image_scale},
           {Conditioning::kImage, image_scale - text_scale},
           {Conditioning::kFull, text_scale}},
          rescale};
}

at::Tensor GuidancePlan::combine(const at::Tensor& stacked) const {
  const auto count = static_cast<int64_t>(branches_.size());
  base::require(stacked.dim() >= 1 && stacked.size(0) % count == 0,
                "guidance: the batch is not a whole number of branches");
  const auto widened = [](const at::Tensor& t) {
    return t.scalar_type() == at::kDouble ? t : t.to(at::kFloat);
  };
  if (count == 1 && branches_[0].weight == 1.0) return widened(stacked);

  const std::vector<at::Tensor> outputs = stacked.chunk(count);
  std::vector<ops::Term> terms;
  for (int64_t i = 0; i < count; ++i) terms.push_back({branches_[i].weight, outputs[i]});
  const at::Tensor guided = ops::weighted_sum(terms);
  if (rescale_ == 0.0) return guided;
  const at::Tensor ratio = sample_std(widened(outputs.back())) / sample_std(guided);
  return guided * (ratio * rescale_ + (1.0 - rescale_));
}

}  // namespace zoetrope::diffusion
