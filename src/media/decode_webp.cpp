// WebP by libwebp: lossy, lossless, with alpha; the first frame of an animation.
#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "media/decoders.h"
#include "media/exif.h"

namespace zoetrope::media {
namespace {

struct WebpDeleter {
  void operator()(WebPDemuxer* p) const { WebPDemuxDelete(p); }
  void operator()(WebPAnimDecoder* p) const { WebPAnimDecoderDelete(p); }
};

base::Status failure(VP8StatusCode code, size_t size) {
  switch (code) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return base::data_loss(fmt::format("truncated WebP: the file ends after {} bytes", size));
    case VP8_STATUS_OUT_OF_MEMORY:
      return base::resource_exhausted("out of memory");
    default:
      return base::data_loss("corrupt WebP");
  }
}

base::Status decode_first_frame(const WebPData& data, Decoded* out) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return base::internal_error("libwebp mismatch");
  options.color_mode = MODE_RGBA;
  const std::unique_ptr<WebPAnimDecoder, WebpDeleter> decoder(WebPAnimDecoderNew(&data, &options));
  if (!decoder) return failure(VP8_STATUS_BITSTREAM_ERROR, data.size);
  uint8_t* canvas = nullptr;
  int timestamp_ms = 0;
  if (!WebPAnimDecoderGetNext(decoder.get(), &canvas, &timestamp_ms)) {
    return failure(VP8_STATUS_BITSTREAM_ERROR, data.size);
  }
  std::memcpy(out->picture.data.data(), canvas, out->picture.data.size());
  return {};
}

base::Status decode_still(Bytes bytes, Decoded* out) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return base::internal_error("libwebp mismatch");
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out->picture.data.data();
  config.output.u.RGBA.stride = 4 * out->picture.width;
  config.output.u.RGBA.size = out->picture.data.size();
  const VP8StatusCode code = WebPDecode(bytes.data(), bytes.size(), &config);
  return code == VP8_STATUS_OK ? base::Status() : failure(code, bytes.size());
}

// EXIF and the number of frames stand in the container around the pictures.
base::Status read_container(const WebPData& data, Decoded* out) {
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const std::unique_ptr<WebPDemuxer, WebpDeleter> demuxer(WebPDemuxPartial(&data, &state));
  if (!demuxer) return failure(VP8_STATUS_BITSTREAM_ERROR, data.size);
  if (state != WEBP_DEMUX_DONE) return failure(VP8_STATUS_NOT_ENOUGH_DATA, data.size);
  out->frames = static_cast<int>(WebPDemuxGetI(demuxer.get(), WEBP_FF_FRAME_COUNT));
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) {
    out->orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return {};
}

}  // namespace

base::Result<Decoded> decode_webp(Bytes bytes, const ImageLimits& limits) {
  WebPBitstreamFeatures features;
  const VP8StatusCode code = WebPGetFeatures(bytes.data(), bytes.size(), &features);
  if (code != VP8_STATUS_OK) return failure(code, bytes.size());
  ZT_RETURN_IF_ERROR(
      check_size(features.width, features.height, limits.max_pixels, limits.max_side));

  const WebPData data = {bytes.data(), bytes.size()};
  Decoded out;
  ZT_RETURN_IF_ERROR(read_container(data, &out));
  out.picture.resize(features.width, features.height);
  ZT_RETURN_IF_ERROR(features.has_animation ? decode_first_frame(data, &out)
                                            : decode_still(bytes, &out));
  return out;
}

}  // namespace zoetrope::media
