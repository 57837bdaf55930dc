#include "media/clip_encoders.h"
#include "media/ffmpeg_encoder.h"
#include "media/yuv.h"

namespace zoetrope::media {

EncodedClip encode_mp4(const Clip& clip, const base::CancelToken& cancel) {
  const Image& first = clip.frames.front();
  if (first.width > 16384 || first.height > 16384) {
    return base::invalid_argument("MP4 can hold frames of 16384 x 16384 pixels at most");
  }
  EncoderSettings settings;
  settings.container = "mp4";
  settings.encoder = "libx264";
  settings.pixel_format = AV_PIX_FMT_YUV420P;
  settings.width = first.width + first.width % 2;
  settings.height = first.height + first.height % 2;
  settings.fps = clip.fps;
  settings.encoder_options = {{"crf", "16"}, {"preset", "medium"}};
  settings.container_options = {{"movflags", "+faststart"}};
  const auto fill = [&](size_t i, AVFrame& frame) {
    to_yuv420(clip.frames[i], {frame.data[0], frame.data[1], frame.data[2], frame.linesize[0],
                               frame.linesize[1], frame.linesize[2]});
  };
  return encode_with_ffmpeg(settings, clip.frames.size(), fill, cancel);
}

}  // namespace zoetrope::media
