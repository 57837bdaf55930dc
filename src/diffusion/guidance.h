// Classifier-free guidance as data: which branches of conditioning the network must be asked for,
// and with what weights their outputs are added. Branches that would count for nothing are not
// asked.
//
//   one condition:  v = v(none) + s [v(full) - v(none)]                      (arXiv 2207.12598)
//   two conditions: v = v(none) + s_image [v(image) - v(none)]
//                             + s_text [v(full) - v(image)]                  (arXiv 2211.09800)
//
// Optional std-rescale, for high scales and zero terminal SNR (arXiv 2305.08891, section 3.4).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace zoetrope::diffusion {

enum class Conditioning {
  kNone,   // neither picture nor text
  kImage,  // the picture, the empty text
  kFull,   // everything the request gave
};

struct GuidanceBranch {
  Conditioning conditioning;
  double weight;
};

class GuidancePlan {
 public:
  // scale 1: the conditional branch alone; 0: the unconditional one.
  static GuidancePlan classifier_free(double scale, double rescale = 0.0);
  // image_scale = text_scale = 1: the full branch alone. Equal scales: ordinary guidance between
  // none and full.
  static GuidancePlan image_and_text(double image_scale, double text_scale, double rescale = 0.0);

  // In the order none, image, full; never empty.
  const std::vector<GuidanceBranch>& branches() const { return branches_; }

  // The guided output [b, ...] from the branches' outputs stacked in order, [branches * b, ...],
  // any floating dtype; computed in fp32 (fp64 stays fp64). One branch of weight 1 passes through.
  at::Tensor combine(const at::Tensor& stacked) const;

 private:
  GuidancePlan(std::vector<GuidanceBranch> branches, double rescale);

  std::vector<GuidanceBranch> branches_;
  double rescale_;
};

}  // namespace zoetrope::diffusion
