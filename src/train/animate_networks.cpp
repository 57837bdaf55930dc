#include "train/animate_networks.h"

#include <ATen/ATen.h>

namespace zoetrope::train {

models::AnimateUnet::Conditioning AnimateNetworks::condition(const Condition& c, int64_t frames,
                                                             at::ScalarType dtype) const {
  const at::Tensor image = c.first_frame.to(dtype).unsqueeze(1).expand({-1, frames, -1, -1, -1});
  const at::Tensor fps = at::where(c.motion < 0, c.motion, c.motion * kMotionScale);
  return unet.condition({.text = text(c.prompts),
                         .image_latents = image,
                         .image_embeddings = {},
                         .fps = fps,
                         .guidance = c.guidance});
}

at::Tensor AnimateNetworks::predict(const at::Tensor& noisy, const at::Tensor& t,
                                    const models::AnimateUnet::Conditioning& conditioning,
                                    at::ScalarType dtype) const {
  return unet.forward(noisy.to(dtype), t * kTimestepScale, conditioning).to(at::kFloat);
}

}  // namespace zoetrope::train
