// Helpers of media's tests: pictures with known pixels, files in formats that the product does not
// write (through the format's own library), and a folder that cleans up after itself.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "media/image.h"

namespace zoetrope::media::testing {

using Encoded = std::vector<uint8_t>;

class TemporaryFolder : public base::TemporaryFolder {
 public:
  std::filesystem::path operator/(std::string_view name) const { return path() / name; }
  // Names in the folder, sorted.
  std::vector<std::string> names() const;
};

void write_bytes(const std::filesystem::path& path, std::span<const uint8_t> bytes);
Encoded read_bytes(const std::filesystem::path& path);

// Smooth colour gradients with a sharp disc in the middle; `phase` moves the disc.
Image test_picture(int width, int height, double phase = 0);

// One colour for each cell of a grid with cells of `cell` x `cell` pixels, all different.
Image coloured_cells(int columns, int rows, int cell);

double psnr(const Image& a, const Image& b);
int largest_difference(const Image& a, const Image& b);

struct PngSpec {
  int width = 1;
  int height = 1;
  int bit_depth = 8;
  int colour_type = 2;              // PNG's codes
  std::vector<Encoded> rows = {};   // as the file stores them, samples of 16 bits big endian
  std::vector<Rgb> palette = {};    // for colour type 3
  std::vector<uint8_t> alpha = {};  // tRNS: of the palette's entries
  Encoded exif = {};                // eXIf
  bool interlaced = false;
};
Encoded encode_png(const PngSpec& spec);
// RGB rows of `image`.
PngSpec png_of(const Image& image);

// `data` as one more chunk in front of the first IDAT.
Encoded with_png_chunk(const Encoded& png, std::string_view type, const Encoded& data);

struct JpegSpec {
  int width = 1;
  int height = 1;
  int components = 3;
  int in_colour = 2;     // libjpeg's J_COLOR_SPACE of `samples`
  int file_colour = 3;   // and of the file
  Encoded samples = {};  // interleaved
  int quality = 100;
  bool progressive = false;
  bool adobe_marker = false;
  bool one_scan_per_coefficient = false;
  Encoded exif = {};  // APP1
};
Encoded encode_jpeg(const JpegSpec& spec);
JpegSpec jpeg_of(const Image& image);

// Lossless WebP with alpha; rgba has 4 bytes a pixel.
Encoded encode_webp(int width, int height, const Encoded& rgba);
// The same file with an EXIF chunk.
Encoded with_webp_exif(const Encoded& webp, const Encoded& exif);

// A TIFF block with the orientation tag among others.
Encoded exif_block(int orientation, bool big_endian, bool prefix);

}  // namespace zoetrope::media::testing
