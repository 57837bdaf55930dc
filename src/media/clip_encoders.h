// Inside media: one encoder a clip format. The caller has checked the clip (video.cpp).
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "media/image.h"

namespace zoetrope::media {

using EncodedClip = base::Result<std::vector<uint8_t>>;

EncodedClip encode_mp4(const Clip& clip, const base::CancelToken& cancel);
EncodedClip encode_gif(const Clip& clip, const base::CancelToken& cancel);
EncodedClip encode_animated_webp(const Clip& clip, int quality, const base::CancelToken& cancel);

inline base::Status cancelled() { return {base::StatusCode::kCancelled, "cancelled"}; }

}  // namespace zoetrope::media
