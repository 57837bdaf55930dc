#include "nn/feed_forward.h"

#include "ops/activation.h"

namespace zoetrope::nn {

GegluFeedForward::GegluFeedForward(const weights::Scope& scope, int64_t channels, int64_t inner,
                                   Start out)
    : in_(scope.sub("net", 0).sub("proj"), channels, 2 * inner),
      out_(scope.sub("net", 2), inner, channels, Bias::kPresent, out) {}

at::Tensor GegluFeedForward::operator()(const at::Tensor& x) const {
  return out_(ops::geglu(in_(x)));
}

}  // namespace zoetrope::nn
