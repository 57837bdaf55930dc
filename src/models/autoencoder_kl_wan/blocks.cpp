#include "models/autoencoder_kl_wan/blocks.h"

#include <ATen/ATen.h>

#include <vector>

#include "ops/attention.h"
#include "ops/norm.h"

namespace zoetrope::models {
namespace {

using weights::Init;
using weights::Scope;

// diffusers bounds the length of a pixel's channels below by 1e-12, which matters to zeros only.
constexpr double kNormEps = 1e-24;

constexpr nn::Conv2d::Options kPointwise{.kernel = 1, .padding = 0};
constexpr nn::Conv2d::Options kHalving{.stride = 2, .padding = 0};
constexpr nn::Conv2d::Options kDoubling{.enlarging = true};
constexpr nn::CausalConv3d::Options kHalvingFrames{.kernel = {3, 1, 1}, .frame_stride = 2};
constexpr nn::CausalConv3d::Options kFrames{.kernel = {3, 1, 1}};

// layer(x) of the single frames.
template <typename Layer>
at::Tensor per_frame(const at::Tensor& x, const Layer& layer) {
  return layer(x.flatten(0, 1)).unflatten(0, {x.size(0), x.size(1)});
}

}  // namespace

WanNorm::WanNorm(const Scope& scope, int64_t channels, int64_t trailing) {
  std::vector<int64_t> shape(1 + trailing, 1);
  shape.front() = channels;
  gamma_ = scope.take("gamma", shape, Init::ones()).flatten();
}

at::Tensor WanNorm::operator()(const at::Tensor& x) const {
  return ops::rms_norm(x, gamma_, kNormEps);
}

ops::CausalConvFusion WanNorm::fusion(const at::Tensor& residual) const {
  return {.norm_weight = gamma_, .norm_eps = kNormEps, .residual = residual};
}

WanNormedConv::WanNormedConv(const Scope& scope, std::string_view norm, std::string_view conv,
                             int64_t in, int64_t out)
    : norm_(scope.sub(norm), in), conv_(scope.sub(conv), in, out, kWanConv) {}

at::Tensor WanNormedConv::operator()(const at::Tensor& x, nn::FrameCache& cache,
                                     const at::Tensor& residual) const {
  return conv_(x, cache, norm_.fusion(residual));
}

WanResidualBlock::WanResidualBlock(const Scope& scope, int64_t in, int64_t out)
    : first_(scope, "norm1", "conv1", in, out), second_(scope, "norm2", "conv2", out, out) {
  if (in != out) shortcut_.emplace(scope.sub("conv_shortcut"), in, out, kWanPointwise);
}

at::Tensor WanResidualBlock::operator()(const at::Tensor& x, nn::FrameCache& cache) const {
  return second_(first_(x, cache), cache, shortcut_ ? (*shortcut_)(x, cache) : x);
}

WanPixelAttention::WanPixelAttention(const Scope& scope, int64_t channels)
    : norm_(scope.sub("norm"), channels, 2),
      qkv_(scope.sub("to_qkv"), channels, 3 * channels, kPointwise),
      proj_(scope.sub("proj"), channels, channels, kPointwise) {}

at::Tensor WanPixelAttention::operator()(const at::Tensor& x) const {
  const auto attend = [this](const at::Tensor& frames) {  // [n, h, w, c]
    const auto parts =
        qkv_(norm_(frames)).flatten(1, 2).unflatten(-1, {3, 1, frames.size(3)}).unbind(2);
    return proj_(ops::attention(parts[0], parts[1], parts[2]).view(frames.sizes()));
  };
  return x + per_frame(x, attend);
}

WanMidBlock::WanMidBlock(const Scope& scope, int64_t channels)
    : first_(scope.sub("resnets", 0), channels, channels),
      attention_(scope.sub("attentions", 0), channels),
      second_(scope.sub("resnets", 1), channels, channels) {}

at::Tensor WanMidBlock::operator()(const at::Tensor& x, nn::FrameCache& cache) const {
  return second_(attention_(first_(x, cache)), cache);
}

WanDownsample::WanDownsample(const Scope& scope, int64_t channels, bool temporal)
    : conv_(scope.sub("resample", 1), channels, channels, kHalving) {
  if (temporal) time_conv_.emplace(scope.sub("time_conv"), channels, channels, kHalvingFrames);
}

at::Tensor WanDownsample::operator()(const at::Tensor& x, nn::FrameCache& cache) const {
  const at::Tensor h = per_frame(x, [this](const at::Tensor& frames) {
    return conv_(at::constant_pad_nd(frames, {0, 0, 0, 1, 0, 1}));  // zeros below and to the right
  });
  if (!time_conv_) return h;
  if (!cache.first_chunk()) return (*time_conv_)(h, cache);
  time_conv_->remember(h, cache);
  return h;
}

WanUpsample::WanUpsample(const Scope& scope, int64_t channels, bool temporal)
    : conv_(scope.sub("resample", 1), channels, channels / 2, kDoubling) {
  if (temporal) time_conv_.emplace(scope.sub("time_conv"), channels, 2 * channels, kFrames);
}

at::Tensor WanUpsample::operator()(const at::Tensor& x, nn::FrameCache& cache) const {
  at::Tensor h = x;
  if (time_conv_ && cache.first_chunk()) {
    cache.next();  // later frames take this one for zeros: their convolution never sees it
  } else if (time_conv_) {
    const at::Tensor pairs = (*time_conv_)(x, cache).unflatten(-1, {2, -1});
    h = pairs.permute({0, 1, 4, 2, 3, 5}).flatten(1, 2);
  }
  return per_frame(h, [this](const at::Tensor& frames) {
    return conv_.of_enlarged(frames, 2 * frames.size(1), 2 * frames.size(2));
  });
}

}  // namespace zoetrope::models
