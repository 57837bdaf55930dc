#include "media/read_video.h"

#include "media/file.h"
#include "media/frame_decoder.h"

namespace zoetrope::media {

using base::Result;

struct VideoReader::Impl {
  std::unique_ptr<FrameDecoder> decoder;
  base::Status failure;
  Rgba buffer;
};

VideoReader::VideoReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

Result<VideoReader> VideoReader::open(const std::filesystem::path& path, VideoLimits limits) {
  ZT_ASSIGN_OR_RETURN(FileDescriptor file, open_file(path));
  auto impl = std::make_unique<Impl>();
  ZT_ASSIGN_OR_RETURN(impl->decoder, FrameDecoder::open(std::move(file), path.string(), limits));
  return VideoReader(std::move(impl));
}

const VideoInfo& VideoReader::info() const { return impl_->decoder->info(); }

Result<std::optional<Image>> VideoReader::next() {
  if (!impl_->failure.ok()) return impl_->failure;
  Result<bool> more = impl_->decoder->next(&impl_->buffer);
  if (!more.ok()) return impl_->failure = more.status();
  if (!*more) return std::optional<Image>();
  return std::optional<Image>(compose(impl_->buffer, kWhite));
}

Result<Clip> read_clip(const std::filesystem::path& path, VideoLimits limits) {
  ZT_ASSIGN_OR_RETURN(VideoReader reader, VideoReader::open(path, limits));
  Clip clip;
  clip.fps = reader.info().fps;
  while (true) {
    ZT_ASSIGN_OR_RETURN(std::optional<Image> frame, reader.next());
    if (!frame) return clip;
    clip.frames.push_back(std::move(*frame));
  }
}

}  // namespace zoetrope::media
