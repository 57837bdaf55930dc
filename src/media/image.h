// Pictures in memory, and reading them from untrusted files.
//
// Plain data: an Image owns its pixels and may be used from any thread. Readers decide by content,
// never by the file's name, check the limits on the header before they decode, turn the picture
// upright (EXIF), and compose transparency onto a background. They write nothing to stderr.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::media {

using Rgb = std::array<uint8_t, 3>;

inline constexpr Rgb kWhite = {255, 255, 255};

// sRGB, 8 bits, rows from top to bottom without padding: rgb.size() == 3 * width * height.
struct Image {
  Image() = default;
  Image(int width, int height, Rgb fill = kWhite);

  uint8_t* at(int x, int y) { return rgb.data() + offset(x, y); }
  const uint8_t* at(int x, int y) const { return rgb.data() + offset(x, y); }
  bool empty() const { return rgb.empty(); }
  bool operator==(const Image&) const = default;

  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;

 private:
  size_t offset(int x, int y) const { return 3 * (static_cast<size_t>(y) * width + x); }
};

// Frames of one size at a constant rate.
struct Clip {
  std::vector<Image> frames = {};
  double fps = 0;
};

struct ImageLimits {
  int64_t max_bytes = 64 << 20;   // of the file
  int64_t max_pixels = 64 << 20;  // 64 megapixels: 450 MB while decoding
  int max_side = 32768;
};

struct ReadOptions {
  ImageLimits limits = {};
  Rgb background = kWhite;  // shows through where the picture is transparent
};

struct ReadImage {
  Image image;
  std::string_view format;  // "PNG", "JPEG", "WebP" or "GIF"
  bool had_alpha = false;   // some pixel was not opaque
  int frames = 1;           // more than 1: animated, and `image` is the first frame
};

// Reads a picture. kNotFound: no such file; kPermissionDenied; kInvalidArgument: a directory, an
// empty file, or not a picture of these formats; kResourceExhausted: over a limit; kDataLoss:
// truncated or corrupt. The message is one line that starts with the path.
base::Result<ReadImage> read_image(const std::filesystem::path& path,
                                   const ReadOptions& options = {});

// The same from memory; `name` stands for the path in messages.
base::Result<ReadImage> read_image(std::span<const uint8_t> bytes, std::string_view name,
                                   const ReadOptions& options = {});

// PNG alone, which needs nothing of FFmpeg: for machines without it. Errors as read_image.
base::Result<Image> read_png(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace zoetrope::media
