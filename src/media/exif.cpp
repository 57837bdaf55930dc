#include "media/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace zoetrope::media {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;

// Reads integers of a TIFF file; outside it everything is zero.
class TiffReader {
 public:
  TiffReader(std::span<const uint8_t> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  uint32_t u16(uint64_t at) const { return integer(at, 2); }
  uint32_t u32(uint64_t at) const { return integer(at, 4); }

 private:
  uint32_t integer(uint64_t at, int size) const {
    if (at + static_cast<uint64_t>(size) > bytes_.size()) return 0;
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      value = value << 8 | bytes_[at + static_cast<uint64_t>(big_endian_ ? i : size - 1 - i)];
    }
    return value;
  }

  std::span<const uint8_t> bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::span<const uint8_t> exif) {
  if (exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
  if (exif.size() < 8) return 1;
  const bool big_endian = exif[0] == 'M';
  if (std::memcmp(exif.data(), big_endian ? "MM\0*" : "II*\0", 4) != 0) return 1;

  const TiffReader tiff(exif, big_endian);
  const uint64_t directory = tiff.u32(4);
  const uint32_t entries = tiff.u16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * uint64_t{i};
    if (entry + 12 > exif.size()) break;
    if (tiff.u16(entry) != kOrientationTag) continue;
    const uint32_t value = tiff.u16(entry + 8);
    return tiff.u16(entry + 2) == kShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Rgba upright(Rgba picture, int orientation) {
  if (orientation <= 1 || orientation > 8) return picture;
  // The tag names the sides of the scene that the stored row 0 and column 0 show: from 5 on they
  // are exchanged; flip_x and flip_y say that stored columns and rows run the other way.
  const bool transposed = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Rgba out;
  out.resize(transposed ? picture.height : picture.width,
             transposed ? picture.width : picture.height);
  for (int y = 0; y < out.height; ++y) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < out.width; ++x, to += 4) {
      int from_x = transposed ? y : x;
      int from_y = transposed ? x : y;
      if (flip_x) from_x = picture.width - 1 - from_x;
      if (flip_y) from_y = picture.height - 1 - from_y;
      std::memcpy(to, picture.row(from_y) + 4 * static_cast<size_t>(from_x), 4);
    }
  }
  return out;
}

}  // namespace zoetrope::media
