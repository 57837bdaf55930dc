#include "pipeline/activation_bytes.h"

#include <algorithm>

#include "pipeline/roles.h"

namespace zoetrope::pipeline {

int64_t predicted_activation_bytes(const RunShape& shape) {
  const int64_t down = shape.vae.downscale();
  const int64_t fold = shape.unet.latent_fold;
  const auto positions = [&](size_t level) {
    const int64_t scale = down * fold << level;
    return std::max<int64_t>(1, shape.height / scale) * std::max<int64_t>(1, shape.width / scale);
  };

  // U-Net: the skip connections that wait for the way up, and the widest layer's working set: the
  // residual stream joined with a skip (2c) and its normalised copy (2c); queries, keys and values,
  // the keys and values joined with the first frame's and the result (8c); and the inner product of
  // the gated feed-forward (3 * multiple * c), which lives at other times but in whose holes the
  // others do not always fit.
  const auto& widths = shape.unet.block_out_channels;
  const int64_t rows = shape.branches * shape.frames;
  int64_t skips = 0, widest = 0, kept = 0;
  for (size_t level = 0; level < widths.size(); ++level) {
    const int64_t plane = rows * positions(level) * widths[level];
    skips += (shape.unet.layers_per_block + 1) * plane;
    // Down, up and in the middle, three blocks each; not all of them rest at the same time.
    const bool deepest = level + 1 == widths.size();
    kept += 3 * (2 * shape.unet.layers_per_block + (deepest ? 3 : 1)) * plane;
    widest = std::max(widest, plane * (12 + 3 * shape.unet.feed_forward_multiple));
  }
  const int64_t unet = skips + widest + (shape.keeps_blocks ? kept : 0);

  // Autoencoder: the last enlargement gives full-size planes as wide as the second level; that, the
  // convolution's result, its normalised copy and what the convolution library reorders.
  const auto& vae_widths = shape.vae.block_out_channels;
  const int64_t vae = shape.decode_chunk * shape.width * shape.height *
                      vae_widths[std::min<size_t>(1, vae_widths.size() - 1)] * 5;

  // Frames in fp32, bytes and as pictures.
  const int64_t frames = shape.frames * shape.width * shape.height * 3 * 6;
  return std::max(unet, vae) * shape.element_bytes + frames;
}

RunShape run_shape(const Components& components, const RunSize& size) {
  return {.unet = components.teacher.unet.config(),
          .vae = components.vae.config(),
          .branches = components.recipe->guidance == Recipe::Guidance::kImageAndText ? 3 : 2,
          .frames = size.num_frames,
          .width = size.width,
          .height = size.height,
          .decode_chunk = std::min(size.num_frames, decode_chunk(components.device)),
          .element_bytes = static_cast<int64_t>(c10::elementSize(components.dtype)),
          .keeps_blocks = size.keeps_blocks};
}

}  // namespace zoetrope::pipeline
