// Inside media: sRGB pictures as H.264 stores them.
#pragma once

#include "media/image.h"

namespace zoetrope::media {

// Three planes of 8-bit samples; a stride is the distance between rows in bytes.
struct YuvPlanes {
  uint8_t* y;
  uint8_t* cb;
  uint8_t* cr;
  int y_stride;
  int cb_stride;
  int cr_stride;
};

// ITU-R BT.709, limited range (luma 16..235, chroma 16..240), 4:2:0 with chroma on the left pixel
// of each pair and between its two rows (the siting H.264 takes for granted). The planes have an
// even width and height: an odd picture's last column and row are repeated.
void to_yuv420(const Image& image, const YuvPlanes& planes);

}  // namespace zoetrope::media
