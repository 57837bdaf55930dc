// Inside media: one FFmpeg encoder and one container, written to memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "media/clip_encoders.h"
#include "media/ffmpeg_handles.h"

namespace zoetrope::media {

struct EncoderSettings {
  std::string container;  // FFmpeg's names
  std::string encoder;
  AVPixelFormat pixel_format = AV_PIX_FMT_NONE;
  int width = 0;
  int height = 0;
  double fps = 0;
  std::vector<std::pair<std::string, std::string>> encoder_options;
  std::vector<std::pair<std::string, std::string>> container_options;
};

// Encodes `count` frames; `fill(i, frame)` paints frame i into the buffers of `frame`.
EncodedClip encode_with_ffmpeg(const EncoderSettings& settings, size_t count,
                               const std::function<void(size_t, AVFrame&)>& fill,
                               const base::CancelToken& cancel);

}  // namespace zoetrope::media
