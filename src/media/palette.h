// Inside media: few colours for many. One palette for a whole clip, and for every colour the two
// entries whose mixture shows it best, which an ordered dither then alternates.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/image.h"

namespace zoetrope::media {

// At most `size` colours (2..256) that suit all frames: boxes of the colour histogram are split
// where the squared error is largest, then moved to the means of what they serve (k-means).
std::vector<Rgb> make_palette(std::span<const Image> frames, int size);

class Ditherer {
 public:
  explicit Ditherer(std::span<const Rgb> palette);

  // The palette index for colour `rgb` at pixel (x, y). A colour that the palette has is never
  // dithered; a pixel whose colour stays keeps its index from frame to frame.
  uint8_t index(const uint8_t* rgb, int x, int y);

 private:
  // A mixture: `share` 64ths of `other`, the rest of `nearest`.
  struct Mix {
    uint8_t nearest = 0;
    uint8_t other = 0;
    uint8_t share = 0;
    bool known = false;
  };
  Mix find(const Rgb& colour) const;

  std::vector<std::array<float, 3>> palette_;
  std::vector<Mix> cache_;  // by colour, 7 bits a channel
};

}  // namespace zoetrope::media
