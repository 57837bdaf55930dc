// Inside media: which way up a camera held a picture (EXIF 2.3, tag 0x0112), and turning it.
#pragma once

#include <cstdint>
#include <span>

#include "media/rgba.h"

namespace zoetrope::media {

// The orientation, 1..8, in an EXIF block (a TIFF file, with or without "Exif\0\0" before it).
// Bytes are untrusted: 1, upright, if they are not well formed.
int exif_orientation(std::span<const uint8_t> exif);

// The picture turned and mirrored so that it is upright.
Rgba upright(Rgba picture, int orientation);

}  // namespace zoetrope::media
