// Inside media: FFmpeg as a source of RGBA frames, from a file or from memory.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "media/file.h"
#include "media/read_video.h"
#include "media/rgba.h"

namespace zoetrope::media {

class FrameDecoder {
 public:
  // `name` starts every message.
  static base::Result<std::unique_ptr<FrameDecoder>> open(FileDescriptor file, std::string name,
                                                          const VideoLimits& limits);
  // `bytes` must outlive the decoder.
  static base::Result<std::unique_ptr<FrameDecoder>> open(std::span<const uint8_t> bytes,
                                                          std::string name,
                                                          const VideoLimits& limits);
  virtual ~FrameDecoder() = default;
  virtual const VideoInfo& info() const = 0;
  // Fills `frame` and returns true, or returns false at the end.
  virtual base::Result<bool> next(Rgba* frame) = 0;
};

}  // namespace zoetrope::media
