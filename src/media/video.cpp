#include "media/video.h"

#include <fmt/format.h>

#include "media/clip_encoders.h"
#include "media/extension.h"
#include "media/file.h"

namespace zoetrope::media {
namespace {

using base::Result;

constexpr double kMaxFps = 240;

constexpr Extension<VideoFormat> kExtensions[] = {
    {".mp4", VideoFormat::kMp4}, {".gif", VideoFormat::kGif}, {".webp", VideoFormat::kWebp}};

base::Status check(const Clip& clip) {
  if (clip.frames.empty()) return base::invalid_argument("the clip has no frames");
  if (!(clip.fps > 0 && clip.fps <= kMaxFps)) {
    return base::invalid_argument(
        fmt::format("{} frames a second: must be above 0 and at most {}", clip.fps, kMaxFps));
  }
  const Image& first = clip.frames.front();
  if (first.empty()) return base::invalid_argument("the clip's frames are empty");
  for (const Image& frame : clip.frames) {
    if (frame.width != first.width || frame.height != first.height) {
      return base::invalid_argument("the clip's frames differ in size");
    }
  }
  return {};
}

}  // namespace

Result<VideoFormat> video_format_for(const std::filesystem::path& path) {
  return format_by_extension<VideoFormat>(path, kExtensions);
}

Result<std::vector<uint8_t>> encode_clip(const Clip& clip, VideoFormat format,
                                         const base::CancelToken& cancel, int webp_quality) {
  ZT_RETURN_IF_ERROR(check(clip));
  switch (format) {
    case VideoFormat::kMp4:
      return encode_mp4(clip, cancel);
    case VideoFormat::kGif:
      return encode_gif(clip, cancel);
    case VideoFormat::kWebp:
      return encode_animated_webp(clip, webp_quality, cancel);
  }
  return base::internal_error("unknown clip format");
}

base::Status write_clip(const std::filesystem::path& path, const Clip& clip,
                        const base::CancelToken& cancel) {
  ZT_ASSIGN_OR_RETURN(const VideoFormat format, video_format_for(path));
  const Result<std::vector<uint8_t>> bytes = encode_clip(clip, format, cancel);
  if (!bytes.ok()) return bytes.status().with_context(path.string());
  return write_file(path, *bytes, cancel);
}

}  // namespace zoetrope::media
