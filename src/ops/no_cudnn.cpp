// Builds without cuDNN's headers: the rungs exist and take nothing.
#include "base/status.h"
#include "ops/attention_fp8.h"

namespace zoetrope::ops::cudnn {

[[noreturn]] static at::Tensor absent() {
  throw base::Error(base::StatusCode::kInternal, "this build has no cuDNN graphs");
}

bool supports(const ConvProblem&) { return false; }
bool supports(const NormedConvProblem&) { return false; }
bool supports(const AttentionProblem&) { return false; }
at::Tensor conv(const ConvProblem&) { absent(); }
at::Tensor normed_conv(const NormedConvProblem&) { absent(); }
at::Tensor attention(const AttentionProblem&) { absent(); }
std::string refusal(const at::Tensor&) { return "this build has no cuDNN graphs"; }
at::Tensor products(const QuantisedHeads&) { absent(); }

}  // namespace zoetrope::ops::cudnn
