// Inside media: owners for FFmpeg's objects, and its errors as text. No header that others include
// may include this one.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

namespace zoetrope::media {

struct FfmpegDeleter {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(AVIOContext* p) const {
    av_freep(&p->buffer);
    avio_context_free(&p);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, FfmpegDeleter>;

// FFmpeg logs to stderr by default; every error reaches the caller as a Status instead.
inline void quiet_ffmpeg() { av_log_set_level(AV_LOG_QUIET); }

inline std::string ffmpeg_message(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

}  // namespace zoetrope::media
