// GIF by FFmpeg, after a walk over its blocks of our own: that gives the size before anything is
// decoded, the number of frames without decoding them, and an exact verdict on truncation.
#include <fmt/format.h>

#include "media/decoders.h"
#include "media/frame_decoder.h"

namespace zoetrope::media {
namespace {

constexpr size_t kHeaderBytes = 13;  // signature, screen size, flags
constexpr uint8_t kImage = 0x2c, kExtension = 0x21, kTrailer = 0x3b;

class BlockWalker {
 public:
  explicit BlockWalker(Bytes bytes) : bytes_(bytes) {}

  // The number of pictures; -1 if the file ends too early, -2 if a block has no known kind.
  int count_frames() {
    if (bytes_.size() < kHeaderBytes) return -1;
    skip(kHeaderBytes + palette_bytes(bytes_[10]));
    int frames = 0;
    while (at_ < bytes_.size()) {
      switch (bytes_[at_++]) {
        case kTrailer:
          return frames;
        case kExtension:
          skip(1);
          skip_data();
          break;
        case kImage:
          if (bytes_.size() - at_ < 9) return -1;
          skip(9 + palette_bytes(bytes_[at_ + 8]) + 1);
          skip_data();
          ++frames;
          break;
        default:
          return -2;
      }
    }
    return -1;
  }

 private:
  static size_t palette_bytes(uint8_t flags) {
    return flags & 0x80 ? size_t{3} << ((flags & 7) + 1) : 0;
  }

  void skip(size_t count) { at_ = std::min(bytes_.size(), at_ + count); }

  void skip_data() {
    while (at_ < bytes_.size()) {
      const size_t length = bytes_[at_++];
      if (length == 0) return;
      skip(length);
    }
  }

  Bytes bytes_;
  size_t at_ = 0;
};

}  // namespace

base::Result<Decoded> decode_gif(Bytes bytes, const ImageLimits& limits) {
  Decoded out;
  out.frames = BlockWalker(bytes).count_frames();
  if (out.frames == -1) {
    return base::data_loss(
        fmt::format("truncated GIF: the file ends after {} bytes", bytes.size()));
  }
  if (out.frames < 1) return base::data_loss("corrupt GIF");
  const int width = bytes[6] | bytes[7] << 8;
  const int height = bytes[8] | bytes[9] << 8;
  ZT_RETURN_IF_ERROR(check_size(width, height, limits.max_pixels, limits.max_side));

  ZT_ASSIGN_OR_RETURN(
      const std::unique_ptr<FrameDecoder> decoder,
      FrameDecoder::open(bytes, "GIF", {limits.max_pixels, limits.max_side, INT32_MAX}));
  ZT_ASSIGN_OR_RETURN(const bool decoded, decoder->next(&out.picture));
  if (!decoded) return base::data_loss("corrupt GIF");
  return out;
}

}  // namespace zoetrope::media
