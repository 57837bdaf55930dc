#include "media/ffmpeg_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern "C" {
#include <libavutil/opt.h>
}

namespace zoetrope::media {
namespace {

using base::Status;

constexpr int kIoBufferBytes = 1 << 16;

// x264's output depends on its number of threads (not on how they run): a fixed one keeps the bytes
// the same on every machine.
constexpr int kThreads = 4;

// A growing file in memory. The MP4 muxer, to move its index to the front, reads back through a
// second cursor what it wrote.
struct Cursor {
  std::vector<uint8_t>* bytes = nullptr;
  int64_t position = 0;

  static int write(void* opaque, uint8_t* from, int count) {
    auto* self = static_cast<Cursor*>(opaque);
    const auto end = static_cast<size_t>(self->position + count);
    if (self->bytes->size() < end) self->bytes->resize(end);
    std::memcpy(self->bytes->data() + self->position, from, static_cast<size_t>(count));
    self->position += count;
    return count;
  }

  static int read(void* opaque, uint8_t* to, int wanted) {
    auto* self = static_cast<Cursor*>(opaque);
    const int64_t count =
        std::min<int64_t>(wanted, static_cast<int64_t>(self->bytes->size()) - self->position);
    if (count <= 0) return AVERROR_EOF;
    std::memcpy(to, self->bytes->data() + self->position, static_cast<size_t>(count));
    self->position += count;
    return static_cast<int>(count);
  }

  static int64_t seek(void* opaque, int64_t offset, int whence) {
    auto* self = static_cast<Cursor*>(opaque);
    const auto size = static_cast<int64_t>(self->bytes->size());
    if (whence & AVSEEK_SIZE) return size;
    if (whence == SEEK_CUR) offset += self->position;
    if (whence == SEEK_END) offset += size;
    if (offset < 0) return AVERROR(EINVAL);
    return self->position = offset;
  }
};

AVIOContext* open_cursor(Cursor* cursor, bool writes) {
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBufferBytes));
  return avio_alloc_context(buffer, kIoBufferBytes, writes, cursor, Cursor::read, Cursor::write,
                            Cursor::seek);
}

// Opens what has been written so far for reading; context->opaque is the writing cursor.
int open_again(AVFormatContext* context, AVIOContext** io, const char*, int flags, AVDictionary**) {
  if (flags & AVIO_FLAG_WRITE) return AVERROR(EPERM);
  auto* written = static_cast<Cursor*>(context->opaque);
  *io = open_cursor(new Cursor{written->bytes, 0}, false);
  return *io ? 0 : AVERROR(ENOMEM);
}

int close_again(AVFormatContext*, AVIOContext* io) {
  delete static_cast<Cursor*>(io->opaque);
  FfmpegDeleter()(io);
  return 0;
}

struct FreeOutput {
  void operator()(AVFormatContext* p) const { avformat_free_context(p); }
};

class Encoder {
 public:
  explicit Encoder(const EncoderSettings& settings) : settings_(settings) {}

  Status start() {
    quiet_ffmpeg();
    const AVCodec* codec = avcodec_find_encoder_by_name(settings_.encoder.c_str());
    if (!codec) {
      return {base::StatusCode::kUnimplemented,
              fmt::format("this machine's FFmpeg has no {} encoder; choose another format",
                          settings_.encoder)};
    }
    AVFormatContext* container = nullptr;
    avformat_alloc_output_context2(&container, nullptr, settings_.container.c_str(), nullptr);
    if (!container) {
      return {base::StatusCode::kUnimplemented,
              fmt::format("this machine's FFmpeg cannot write {} files", settings_.container)};
    }
    container_.reset(container);
    ZT_RETURN_IF_ERROR(open_codec(codec));
    return open_container();
  }

  // A frame whose buffers may be written.
  base::Result<AVFrame*> writable_frame() {
    const int error = av_frame_make_writable(frame_.get());
    if (error < 0) return failed(error);
    return frame_.get();
  }

  // Encodes the frame; null at the end, which flushes.
  Status send(const AVFrame* frame) {
    const int sent = avcodec_send_frame(codec_.get(), frame);
    if (sent < 0) return failed(sent);
    while (true) {
      const int received = avcodec_receive_packet(codec_.get(), packet_.get());
      if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return {};
      if (received < 0) return failed(received);
      packet_->duration = 1;  // encoders leave it out; the last frame needs it
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      const int written = av_interleaved_write_frame(container_.get(), packet_.get());
      if (written < 0) return failed(written);
    }
  }

  EncodedClip finish() {
    ZT_RETURN_IF_ERROR(send(nullptr));
    const int error = av_write_trailer(container_.get());
    if (error < 0) return failed(error);
    avio_flush(io_.get());
    return std::move(bytes_);
  }

 private:
  Status failed(int error) const {
    return base::internal_error(
        fmt::format("{} encoding failed ({})", settings_.encoder, ffmpeg_message(error)));
  }

  Status open_codec(const AVCodec* codec) {
    codec_.reset(avcodec_alloc_context3(codec));
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (!codec_ || !frame_ || !packet_) return failed(AVERROR(ENOMEM));
    codec_->width = settings_.width;
    codec_->height = settings_.height;
    codec_->pix_fmt = settings_.pixel_format;
    codec_->framerate = av_d2q(settings_.fps, 1001000);
    codec_->time_base = av_inv_q(codec_->framerate);
    codec_->thread_count = kThreads;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    if (container_->oformat->flags & AVFMT_GLOBALHEADER) {
      codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    if (settings_.pixel_format == AV_PIX_FMT_YUV420P) {
      codec_->color_range = AVCOL_RANGE_MPEG;
      codec_->colorspace = AVCOL_SPC_BT709;
      codec_->color_primaries = AVCOL_PRI_BT709;
      codec_->color_trc = AVCOL_TRC_BT709;
      codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
    }
    AVDictionary* options = nullptr;
    for (const auto& [key, value] : settings_.encoder_options) {
      av_dict_set(&options, key.c_str(), value.c_str(), 0);
    }
    int error = avcodec_open2(codec_.get(), codec, &options);
    av_dict_free(&options);
    if (error < 0) return failed(error);

    frame_->width = settings_.width;
    frame_->height = settings_.height;
    frame_->format = settings_.pixel_format;
    error = av_frame_get_buffer(frame_.get(), 0);
    return error < 0 ? failed(error) : Status();
  }

  Status open_container() {
    io_.reset(open_cursor(&cursor_, true));
    stream_ = avformat_new_stream(container_.get(), nullptr);
    if (!io_ || !stream_) return failed(AVERROR(ENOMEM));
    container_->pb = io_.get();
    container_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    container_->opaque = &cursor_;
    container_->io_open = open_again;
    container_->io_close2 = close_again;
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    int error = avcodec_parameters_from_context(stream_->codecpar, codec_.get());
    AVDictionary* options = nullptr;
    for (const auto& [key, value] : settings_.container_options) {
      av_dict_set(&options, key.c_str(), value.c_str(), 0);
    }
    if (error >= 0) error = avformat_write_header(container_.get(), &options);
    av_dict_free(&options);
    return error < 0 ? failed(error) : Status();
  }

  const EncoderSettings& settings_;
  std::vector<uint8_t> bytes_;
  Cursor cursor_{&bytes_, 0};
  AVStream* stream_ = nullptr;
  // In this order: the container writes through io_, so it must go first.
  Owned<AVIOContext> io_;
  std::unique_ptr<AVFormatContext, FreeOutput> container_;
  Owned<AVCodecContext> codec_;
  Owned<AVFrame> frame_;
  Owned<AVPacket> packet_;
};

}  // namespace

EncodedClip encode_with_ffmpeg(const EncoderSettings& settings, size_t count,
                               const std::function<void(size_t, AVFrame&)>& fill,
                               const base::CancelToken& cancel) {
  Encoder encoder(settings);
  ZT_RETURN_IF_ERROR(encoder.start());
  for (size_t i = 0; i < count; ++i) {
    if (cancel.cancelled()) return cancelled();
    ZT_ASSIGN_OR_RETURN(AVFrame* const frame, encoder.writable_frame());
    frame->pts = static_cast<int64_t>(i);
    fill(i, *frame);
    ZT_RETURN_IF_ERROR(encoder.send(frame));
  }
  return encoder.finish();
}

}  // namespace zoetrope::media
