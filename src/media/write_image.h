// Pictures to files and to bytes. Files appear complete or not at all (see file.h).
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "media/image.h"

namespace zoetrope::media {

enum class ImageFormat { kPng, kJpeg, kWebp };

// By the path's extension, in any case: .png, .jpg, .jpeg, .webp. kInvalidArgument otherwise, with
// the list; callers ask before long work, so that a typing mistake costs nothing.
base::Result<ImageFormat> image_format_for(const std::filesystem::path& path);

// PNG and WebP keep every pixel; JPEG is of quality 92 without chroma subsampling. `quality`, 1 to
// 100, is another one for JPEG, and makes WebP lossy. kInvalidArgument if the format cannot hold a
// picture of this size.
base::Result<std::vector<uint8_t>> encode_image(const Image& image, ImageFormat format,
                                                std::optional<int> quality = {});

// PNG in a quarter of the time, half as large again: for files that are read back soon.
base::Result<std::vector<uint8_t>> encode_png_quickly(const Image& image);

base::Status write_image(const std::filesystem::path& path, const Image& image,
                         const base::CancelToken& cancel = {});

}  // namespace zoetrope::media
