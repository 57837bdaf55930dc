#include <webp/encode.h>
#include <webp/mux.h>

#include <cmath>
#include <memory>

#include "media/clip_encoders.h"

namespace zoetrope::media {
namespace {

struct DeleteEncoder {
  void operator()(WebPAnimEncoder* p) const { WebPAnimEncoderDelete(p); }
};

struct Picture : WebPPicture {
  Picture() { WebPPictureInit(this); }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture() { WebPPictureFree(this); }
};

base::Status add_frame(WebPAnimEncoder* encoder, const Image& image, int timestamp_ms,
                       const WebPConfig& config) {
  Picture picture;
  picture.use_argb = 1;
  picture.width = image.width;
  picture.height = image.height;
  if (!WebPPictureImportRGB(&picture, image.rgb.data(), 3 * image.width)) {
    return base::resource_exhausted("out of memory");
  }
  if (!WebPAnimEncoderAdd(encoder, &picture, timestamp_ms, &config)) {
    return base::internal_error(WebPAnimEncoderGetError(encoder));
  }
  return {};
}

}  // namespace

EncodedClip encode_animated_webp(const Clip& clip, int quality, const base::CancelToken& cancel) {
  const Image& first = clip.frames.front();
  if (first.width > WEBP_MAX_DIMENSION || first.height > WEBP_MAX_DIMENSION) {
    return base::invalid_argument("WebP can hold frames of 16383 x 16383 pixels at most");
  }
  WebPAnimEncoderOptions options;
  WebPConfig config;
  if (!WebPAnimEncoderOptionsInit(&options) || !WebPConfigInit(&config)) {
    return base::internal_error("libwebp mismatch");
  }
  options.anim_params.loop_count = 0;  // for ever
  config.quality = static_cast<float>(quality);
  config.use_sharp_yuv = 1;  // keeps thin coloured edges crisp in spite of 4:2:0
  const std::unique_ptr<WebPAnimEncoder, DeleteEncoder> encoder(
      WebPAnimEncoderNew(first.width, first.height, &options));
  if (!encoder) return base::resource_exhausted("out of memory");

  const auto time_of = [&](size_t frame) {
    return static_cast<int>(std::lround(1000.0 * static_cast<double>(frame) / clip.fps));
  };
  for (size_t i = 0; i < clip.frames.size(); ++i) {
    if (cancel.cancelled()) return cancelled();
    ZT_RETURN_IF_ERROR(add_frame(encoder.get(), clip.frames[i], time_of(i), config));
  }
  // An empty frame says when the last one ends.
  WebPAnimEncoderAdd(encoder.get(), nullptr, time_of(clip.frames.size()), nullptr);
  WebPData data;
  WebPDataInit(&data);
  if (!WebPAnimEncoderAssemble(encoder.get(), &data)) {
    return base::internal_error(WebPAnimEncoderGetError(encoder.get()));
  }
  std::vector<uint8_t> bytes(data.bytes, data.bytes + data.size);
  WebPDataClear(&data);
  return bytes;
}

}  // namespace zoetrope::media
