// In the place of what needs FFmpeg, for programs of machines that have none.
#include "media/clip_encoders.h"
#include "media/decoders.h"

namespace zoetrope::media {
namespace {

base::Status absent(const char* what) {
  return {base::StatusCode::kUnimplemented,
          std::string("this program was built without FFmpeg, which ") + what + " needs"};
}

}  // namespace

EncodedClip encode_mp4(const Clip&, const base::CancelToken&) { return absent("MP4"); }
EncodedClip encode_gif(const Clip&, const base::CancelToken&) { return absent("GIF"); }
base::Result<Decoded> decode_gif(Bytes, const ImageLimits&) { return absent("GIF"); }

}  // namespace zoetrope::media
