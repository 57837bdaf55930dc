// The roles that turn what a person gave into what the network is told.
#include <ATen/ATen.h>

#include "base/status.h"
#include "media/resize.h"
#include "pipeline/picture.h"
#include "pipeline/roles.h"

namespace zoetrope::pipeline {
namespace {

at::Tensor to_ids(const text::Tokens& tokens) {
  return at::tensor(at::ArrayRef<int32_t>(tokens.ids), at::kLong).unsqueeze(0);
}

media::Image fitted_picture(const Components& components, const Bundle& picture) {
  const media::Image image = to_image(picture.tensor("pixels"));
  const int width = picture.fact<int>("width"), height = picture.fact<int>("height");
  if (components.recipe->picture_fit == Recipe::PictureFit::kCroppedWide) {
    return crop_wide(image, width, height);
  }
  return media::fit_to(image, width, height, media::border_colour(image)).image;
}

// [1, h, w, c] -> [1, f, h, w, c]
at::Tensor over_frames(const at::Tensor& latents, int64_t frames,
                       Recipe::FrameCondition condition) {
  const at::Tensor first = latents.unsqueeze(1);
  if (condition == Recipe::FrameCondition::kRepeated) {
    return first.expand({-1, frames, -1, -1, -1}).contiguous();
  }
  std::vector<at::Tensor> parts = {first};
  for (int64_t i = 1; i < frames; ++i) {
    parts.push_back(at::full_like(first, static_cast<double>(i) / static_cast<double>(frames - 1)));
  }
  return at::cat(parts, 1);
}

}  // namespace

Bundle text_encode(const Components& components, const Bundle& prompt) {
  const text::Tokens tokens = components.tokenizer.encode(prompt.fact<std::string>("text"));
  const text::Tokens negative =
      components.tokenizer.encode(prompt.facts.value("negative_text", std::string()));
  const at::Tensor ids = at::cat({to_ids(tokens), to_ids(negative)});
  const at::Tensor states = components.text_encoder(ids.to(components.device));
  Bundle out;
  out.tensors["text"] = states.narrow(0, 0, 1);
  out.tensors["negative_text"] = states.narrow(0, 1, 1);
  out.facts["tokens"] = tokens.length;
  out.facts["truncated"] = tokens.truncated;
  out.facts["negative_tokens"] = negative.length;
  out.facts["negative_truncated"] = negative.truncated;
  return out;
}

Bundle image_encode(const Components& components, const Bundle& picture) {
  Bundle out;
  const at::Tensor fitted = to_pixels(fitted_picture(components, picture));
  const at::Tensor input =
      to_signed(fitted).to(components.device).to(components.dtype).unsqueeze(0);
  // The mean, where diffusers draws a sample: its noise is far below the latents' own scale, and
  // without it the result depends on nothing but the request.
  const at::Tensor latents = components.vae.normalise(components.vae.encode(input).mean);
  out.tensors["image_latents"] =
      over_frames(latents, picture.fact<int64_t>("num_frames"), components.recipe->frame_condition)
          .to(components.dtype);
  out.tensors["first_frame"] = fitted;
  out.facts["own_first_frame"] = picture.facts.value("own_first_frame", false);
  return out;
}

Bundle image_embed(const Components& components, const Bundle& picture) {
  base::require(components.image_encoder.has_value(),
                "image_embed: the model has no image encoder");
  // diffusers crops a square of the frame's width, then shrinks it to the encoder's size.
  const int side = picture.fact<int>("width");
  const int size = static_cast<int>(components.image_encoder->config().image_size);
  const media::Image square = crop_wide(to_image(picture.tensor("pixels")), side, side);
  const at::Tensor pixels = to_pixels(resample(square, size, size, Filter::kTriangle));
  const at::Tensor input =
      models::clip_preprocess(pixels.to(at::kFloat) / 255.0, components.image_statistics)
          .to(components.device)
          .to(components.dtype)
          .unsqueeze(0);
  Bundle out;
  out.tensors["image_embeddings"] = (*components.image_encoder)(input);
  return out;
}

}  // namespace zoetrope::pipeline
