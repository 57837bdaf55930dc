// Attention in fp8 as a cuDNN graph, a sample at a time: its scales are numbers of a whole call.
#include <ATen/ATen.h>
#include <ATen/cudnn/Handle.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "kernels/cudnn/attention_fp8.h"
#include "kernels/quantise_heads/quantise_heads.h"
#include "ops/attention_fp8.h"
#include "ops/cuda_support.cuh"

namespace zoetrope::ops::cudnn {
namespace {

using at::Tensor;
using kernels::Fp8Attention;
using kernels::Fp8AttentionShape;

struct Planned {
  std::unique_ptr<Fp8Attention> plan;  // null: cuDNN has none, and why
  std::string why;
};

// Plans by device and shape, made at first use and kept. heads [b, n, heads, d].
const Planned& plan_of(const Tensor& heads) {
  static std::mutex mutex;
  static std::map<std::pair<at::DeviceIndex, Fp8AttentionShape>, Planned> plans;
  const cuda::DeviceGuard guard(heads.device());
  const Fp8AttentionShape shape = {heads.size(1), heads.size(2), heads.size(3)};
  const std::lock_guard lock(mutex);
  const auto [place, fresh] = plans.try_emplace({heads.device().index(), shape});
  Planned& planned = place->second;
  if (fresh) {
    planned.plan = Fp8Attention::make(at::native::getCudnnHandle(), shape, &planned.why);
  }
  return planned;
}

}  // namespace

std::string refusal(const Tensor& q) {
  const Planned& planned = plan_of(q);
  return planned.plan == nullptr ? planned.why : "";
}

bool supports(const AttentionProblem& p) {
  if (!cuda::on_gpu(p.q) || !fp8::wanted(p)) return false;
  const kernels::HeadsShape shape = {p.q.size(0), p.q.size(1), p.q.size(2) * p.q.size(3)};
  return kernels::quantise_heads_supported(shape) && plan_of(p.q).plan != nullptr;
}

Tensor products(const QuantisedHeads& heads) {
  const Tensor out = at::empty_like(heads.values[0]);
  const cuda::DeviceGuard guard(out.device());
  const Fp8Attention& plan = *plan_of(out).plan;
  const Tensor workspace = at::empty({plan.workspace_bytes()}, out.options().dtype(at::kByte));
  if (tensor::in_dry_run()) return out;
  const int64_t b = out.size(0);
  const float* const scales = heads.scales.const_data_ptr<float>();
  const auto descale = [&](int64_t which) { return scales + which * kernels::kScalePair; };
  const auto scale = [&](int64_t which) { return descale(which) + kernels::kScaleFloats; };
  for (int64_t i = 0; i < b; ++i) {
    const auto of = [&](int64_t which) { return heads.values[which][i].const_data_ptr(); };
    // The result is a mean of values: their scale is large enough for it.
    if (!plan.run(at::native::getCudnnHandle(), {.q = of(0),
                                                 .k = of(1),
                                                 .v = of(2),
                                                 .y = out[i].data_ptr(),
                                                 .descale_q = descale(i),
                                                 .descale_k = descale(b + i),
                                                 .descale_v = descale(2 * b + i),
                                                 .descale_softmax = descale(3 * b),
                                                 .scale_softmax = scale(3 * b),
                                                 .scale_y = scale(2 * b + i),
                                                 .workspace = workspace.data_ptr()})) {
      throw base::Error(base::StatusCode::kInternal, "cuDNN refused an attention it had planned");
    }
  }
  return out;
}

Tensor attention(const AttentionProblem& p) {
  const QuantisedHeads heads = cuda::quantise_heads(p.q, p.k, p.v);
  return cuda::restore_heads(products(heads), heads);
}

}  // namespace zoetrope::ops::cudnn
