// Reads clips frame by frame: MP4/MOV, Matroska/WebM, AVI, GIF; whatever codec FFmpeg decodes
// (H.264, FFV1, VP9, ...). Files are untrusted: the size is limited before decoding, and nothing
// but the one file is ever opened. A reader belongs to one thread at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "media/image.h"

namespace zoetrope::media {

struct VideoLimits {
  int64_t max_pixels = 16 << 20;  // of one frame
  int max_side = 16384;
  int64_t max_frames = 1 << 20;  // of the whole file
};

struct VideoInfo {
  int width = 0;
  int height = 0;
  double fps = 0;     // average; 0 if the file does not say
  std::string codec;  // FFmpeg's name: "h264", "ffv1", ...
};

class VideoReader {
 public:
  // Opens the file and finds its first video stream. Errors as read_image.
  static base::Result<VideoReader> open(const std::filesystem::path& path, VideoLimits limits = {});

  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  const VideoInfo& info() const;

  // The next frame in display order, or nothing at the end of the file. Transparent pixels become
  // white. After an error every further call returns the same error.
  base::Result<std::optional<Image>> next();

 private:
  struct Impl;
  explicit VideoReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The whole file. For clips; a long video is refused by max_frames.
base::Result<Clip> read_clip(const std::filesystem::path& path,
                             VideoLimits limits = {.max_frames = 1024});

}  // namespace zoetrope::media
