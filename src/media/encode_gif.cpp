#include "media/clip_encoders.h"
#include "media/ffmpeg_encoder.h"
#include "media/palette.h"

namespace zoetrope::media {
namespace {

constexpr int kColours = 255;  // and one that means "as in the frame before"

// FFmpeg's palettes are 256 words of ARGB; what is left out stays transparent.
void write_palette(const std::vector<Rgb>& palette, AVFrame& frame) {
  auto* words = reinterpret_cast<uint32_t*>(frame.data[1]);
  std::fill(words, words + 256, 0u);
  for (size_t i = 0; i < palette.size(); ++i) {
    words[i] = 0xff000000u | static_cast<uint32_t>(palette[i][0]) << 16 |
               static_cast<uint32_t>(palette[i][1]) << 8 | palette[i][2];
  }
}

}  // namespace

EncodedClip encode_gif(const Clip& clip, const base::CancelToken& cancel) {
  const Image& first = clip.frames.front();
  if (first.width > UINT16_MAX || first.height > UINT16_MAX) {
    return base::invalid_argument("GIF can hold frames of 65535 x 65535 pixels at most");
  }
  const std::vector<Rgb> palette = make_palette(clip.frames, kColours);
  Ditherer ditherer(palette);
  EncoderSettings settings;
  settings.container = "gif";
  settings.encoder = "gif";
  settings.pixel_format = AV_PIX_FMT_PAL8;
  settings.width = first.width;
  settings.height = first.height;
  settings.fps = clip.fps;
  settings.container_options = {{"loop", "0"}};  // for ever
  const auto fill = [&](size_t i, AVFrame& frame) {
    const Image& image = clip.frames[i];
    for (int y = 0; y < image.height; ++y) {
      uint8_t* row = frame.data[0] + static_cast<ptrdiff_t>(frame.linesize[0]) * y;
      for (int x = 0; x < image.width; ++x) row[x] = ditherer.index(image.at(x, y), x, y);
    }
    write_palette(palette, frame);
  };
  return encode_with_ffmpeg(settings, clip.frames.size(), fill, cancel);
}

}  // namespace zoetrope::media
