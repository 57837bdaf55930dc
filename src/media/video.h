// Clips to files and to bytes: MP4 (H.264), GIF, animated WebP. Files appear complete or not at
// all (see file.h). The same clip gives the same bytes on every run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "media/image.h"

namespace zoetrope::media {

// kMp4:  H.264 4:2:0, BT.709, index at the front, nearly without visible loss. Odd sizes gain a
//        row or a column (H.264 4:2:0 has none), repeated from the edge.
// kGif:  one palette for the clip, ordered dither (it does not crawl), loops for ever.
// kWebp: lossy, loops for ever.
enum class VideoFormat { kMp4, kGif, kWebp };

inline constexpr int kWebpClipQuality = 90;  // of 100

// By the path's extension, in any case: .mp4, .gif, .webp. kInvalidArgument otherwise, with the
// list; callers ask before long work, so that a typing mistake costs nothing.
base::Result<VideoFormat> video_format_for(const std::filesystem::path& path);

// kInvalidArgument: no frames, frames of different sizes, fps outside (0, 240], or a size the
// format cannot hold. kUnimplemented: FFmpeg has no such encoder here. kCancelled.
base::Result<std::vector<uint8_t>> encode_clip(const Clip& clip, VideoFormat format,
                                               const base::CancelToken& cancel = {},
                                               int webp_quality = kWebpClipQuality);

base::Status write_clip(const std::filesystem::path& path, const Clip& clip,
                        const base::CancelToken& cancel = {});

}  // namespace zoetrope::media
