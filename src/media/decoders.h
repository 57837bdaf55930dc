// Inside media: one decoder a format, from memory. Each checks the limits on the header before it
// decodes, and reports errors without the file's name ("truncated PNG: ...").
#pragma once

#include <span>

#include "base/result.h"
#include "media/rgba.h"

namespace zoetrope::media {

struct Decoded {
  Rgba picture;         // as stored, before `orientation` is applied
  int orientation = 1;  // EXIF, 1..8
  int frames = 1;       // of the file; `picture` is the first
};

using Bytes = std::span<const uint8_t>;

base::Result<Decoded> decode_png(Bytes bytes, const ImageLimits& limits);
base::Result<Decoded> decode_jpeg(Bytes bytes, const ImageLimits& limits);
base::Result<Decoded> decode_webp(Bytes bytes, const ImageLimits& limits);
base::Result<Decoded> decode_gif(Bytes bytes, const ImageLimits& limits);

}  // namespace zoetrope::media
