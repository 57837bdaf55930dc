#include "media/frame_decoder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "media/ffmpeg_handles.h"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace zoetrope::media {
namespace {

using base::Result;
using base::Status;

constexpr int kIoBufferBytes = 1 << 16;

// What may be read: containers that hold their own pictures. Playlists and scripts, which name
// other files or addresses, are not among them.
constexpr const char* kContainers = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,gif";

// Bytes for FFmpeg, from a file or from memory.
struct Source {
  FileDescriptor file;
  std::span<const uint8_t> memory;
  int64_t size = 0;
  int64_t position = 0;

  static int read(void* opaque, uint8_t* buffer, int wanted) {
    auto* self = static_cast<Source*>(opaque);
    const int64_t count = std::min<int64_t>(wanted, self->size - self->position);
    if (count <= 0) return AVERROR_EOF;
    if (self->file.get() < 0) {
      std::memcpy(buffer, self->memory.data() + self->position, static_cast<size_t>(count));
      self->position += count;
      return static_cast<int>(count);
    }
    ssize_t got;
    do {
      got = ::pread(self->file.get(), buffer, static_cast<size_t>(count), self->position);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return AVERROR(errno);
    if (got == 0) return AVERROR_EOF;
    self->position += got;
    return static_cast<int>(got);
  }

  static int64_t seek(void* opaque, int64_t offset, int whence) {
    auto* self = static_cast<Source*>(opaque);
    if (whence & AVSEEK_SIZE) return self->size;
    switch (whence & ~AVSEEK_FORCE) {
      case SEEK_SET:
        break;
      case SEEK_CUR:
        offset += self->position;
        break;
      case SEEK_END:
        offset += self->size;
        break;
      default:
        return AVERROR(EINVAL);
    }
    if (offset < 0) return AVERROR(EINVAL);
    return self->position = offset;
  }
};

struct ScalerKey {
  AVPixelFormat format = AV_PIX_FMT_NONE;
  int full_range = 0;
  int matrix = 0;
  AVChromaLocation chroma = AVCHROMA_LOC_UNSPECIFIED;
  bool operator==(const ScalerKey&) const = default;
};

struct CloseInput {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};

int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

// Which matrix turned RGB into these YUV values. Files often do not say; then small pictures are
// taken for BT.601 and large ones for BT.709, as players do.
int matrix_of(const AVFrame& frame) {
  if (frame.colorspace == AVCOL_SPC_UNSPECIFIED) {
    return frame.height < 720 ? SWS_CS_ITU601 : SWS_CS_ITU709;
  }
  return frame.colorspace;
}

class FfmpegFrameDecoder final : public FrameDecoder {
 public:
  FfmpegFrameDecoder(Source source, std::string name, const VideoLimits& limits)
      : source_(std::move(source)), name_(std::move(name)), limits_(limits) {}

  Status start() {
    quiet_ffmpeg();
    ZT_RETURN_IF_ERROR(open_container());
    return open_codec();
  }

  const VideoInfo& info() const override { return info_; }

  Result<bool> next(Rgba* out) override {
    while (true) {
      const int received = avcodec_receive_frame(codec_.get(), frame_.get());
      if (received == 0) break;
      if (received == AVERROR_EOF) return end();
      if (received != AVERROR(EAGAIN)) return corrupt(received);
      ZT_RETURN_IF_ERROR(feed());
    }
    if (frame_->width != info_.width || frame_->height != info_.height) {
      return base::data_loss(fmt::format("{}: frame {} is {} x {} pixels, the file says {} x {}",
                                         name_, frames_, frame_->width, frame_->height, info_.width,
                                         info_.height));
    }
    if (frames_ >= limits_.max_frames) {
      return base::resource_exhausted(
          fmt::format("{}: more than the {} frames that are accepted", name_, limits_.max_frames));
    }
    ZT_RETURN_IF_ERROR(convert(out));
    ++frames_;
    return true;
  }

 private:
  Status corrupt(int error) const {
    return base::data_loss(fmt::format("{}: corrupt or truncated after {} frames ({})", name_,
                                       frames_, ffmpeg_message(error)));
  }

  Status open_container() {
    io_.reset(avio_alloc_context(static_cast<unsigned char*>(av_malloc(kIoBufferBytes)),
                                 kIoBufferBytes, 0, &source_, Source::read, nullptr, Source::seek));
    AVFormatContext* container = avformat_alloc_context();
    if (!io_ || !container) return base::resource_exhausted(name_ + ": out of memory");
    container->pb = io_.get();
    container->flags |= AVFMT_FLAG_CUSTOM_IO;
    container->error_recognition = AV_EF_EXPLODE;
    container->io_open = refuse_to_open;
    container->max_streams = 64;
    container->format_whitelist = av_strdup(kContainers);
    const int opened = avformat_open_input(&container, nullptr, nullptr, nullptr);
    if (opened < 0) {  // FFmpeg has freed the context
      return base::invalid_argument(
          fmt::format("{}: not a video that can be read ({})", name_, ffmpeg_message(opened)));
    }
    container_.reset(container);
    return {};
  }

  // For what the header does not tell. Decoders count whole blocks and aligned rows, hence the
  // slack.
  int64_t decoder_limit() const { return 2 * limits_.max_pixels + (1 << 16); }

  // Decodes what it takes to know the streams, under our limit on the size of a frame.
  Status probe() {
    std::vector<AVDictionary*> options(container_->nb_streams, nullptr);
    for (AVDictionary*& each : options) av_dict_set_int(&each, "max_pixels", decoder_limit(), 0);
    const int probed = avformat_find_stream_info(container_.get(), options.data());
    for (AVDictionary*& each : options) av_dict_free(&each);
    return probed < 0 ? corrupt(probed) : Status();
  }

  Status open_codec() {
    ZT_RETURN_IF_ERROR(probe());
    const AVCodec* codec = nullptr;
    stream_ = av_find_best_stream(container_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (stream_ < 0 || !codec) {
      return base::invalid_argument(name_ + ": holds no video that can be decoded");
    }
    AVStream* stream = container_->streams[stream_];
    const Status size = check_size(stream->codecpar->width, stream->codecpar->height,
                                   limits_.max_pixels, limits_.max_side);
    if (!size.ok()) return size.with_context(name_);

    codec_.reset(avcodec_alloc_context3(codec));
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (!codec_ || !frame_ || !packet_) return base::resource_exhausted(name_ + ": out of memory");
    int error = avcodec_parameters_to_context(codec_.get(), stream->codecpar);
    codec_->max_pixels = decoder_limit();
    codec_->thread_count = 1;
    codec_->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
    if (error >= 0) error = avcodec_open2(codec_.get(), codec, nullptr);
    if (error < 0) return corrupt(error);

    info_.width = codec_->width;
    info_.height = codec_->height;
    info_.codec = codec->name;
    const AVRational rate = av_guess_frame_rate(container_.get(), stream, nullptr);
    info_.fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    return {};
  }

  // Gives the decoder its next packet, or tells it that there are no more.
  Status feed() {
    while (true) {
      av_packet_unref(packet_.get());
      const int read = av_read_frame(container_.get(), packet_.get());
      if (read == AVERROR_EOF) {
        avcodec_send_packet(codec_.get(), nullptr);
        return {};
      }
      if (read < 0) return corrupt(read);
      if (packet_->stream_index != stream_) continue;
      const int sent = avcodec_send_packet(codec_.get(), packet_.get());
      if (sent < 0) return corrupt(sent);
      return {};
    }
  }

  Result<bool> end() {
    if (io_->error < 0 && io_->error != AVERROR_EOF) return corrupt(io_->error);
    if (frames_ == 0) return base::data_loss(name_ + ": holds no complete frame");
    return false;
  }

  // Makes scaler_ ready for frames like frame_; they rarely change within a file.
  Status prepare_scaler() {
    const auto format = static_cast<AVPixelFormat>(frame_->format);
    const int full_range = frame_->color_range == AVCOL_RANGE_JPEG;
    const ScalerKey key = {format, full_range, matrix_of(*frame_), frame_->chroma_location};
    if (scaler_ && key == scaler_key_) return {};
    scaler_.reset(sws_alloc_context());
    if (!scaler_) return base::resource_exhausted(name_ + ": out of memory");
    const auto set = [this](const char* option, int64_t value) {
      av_opt_set_int(scaler_.get(), option, value, 0);
    };
    set("srcw", info_.width);
    set("srch", info_.height);
    set("dstw", info_.width);
    set("dsth", info_.height);
    set("src_format", format);
    set("dst_format", AV_PIX_FMT_RGBA);
    // BITEXACT and ACCURATE_RND: the same values on every processor.
    set("sws_flags",
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT);
    // swscale takes chroma to lie between two pixels; all but JPEG-like files put it on the left.
    if (frame_->chroma_location != AVCHROMA_LOC_CENTER) set("src_h_chr_pos", 0);
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(matrix_of(*frame_)), full_range,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    if (sws_init_context(scaler_.get(), nullptr, nullptr) < 0) {
      scaler_.reset();
      const char* format_name = av_get_pix_fmt_name(format);
      return {base::StatusCode::kUnimplemented,
              fmt::format("{}: pixel format {} cannot be converted", name_,
                          format_name ? format_name : "?")};
    }
    scaler_key_ = key;
    return {};
  }

  Status convert(Rgba* out) {
    ZT_RETURN_IF_ERROR(prepare_scaler());
    out->resize(info_.width, info_.height);
    uint8_t* const planes[4] = {out->data.data(), nullptr, nullptr, nullptr};
    const int strides[4] = {4 * info_.width, 0, 0, 0};
    const int rows =
        sws_scale(scaler_.get(), frame_->data, frame_->linesize, 0, info_.height, planes, strides);
    return rows == info_.height ? Status() : corrupt(AVERROR_INVALIDDATA);
  }

  Source source_;
  std::string name_;
  VideoLimits limits_;
  VideoInfo info_;
  int64_t frames_ = 0;
  int stream_ = -1;
  // In this order: the container reads through io_, so it must go first.
  Owned<AVIOContext> io_;
  std::unique_ptr<AVFormatContext, CloseInput> container_;
  Owned<AVCodecContext> codec_;
  Owned<AVFrame> frame_;
  Owned<AVPacket> packet_;
  Owned<SwsContext> scaler_;
  ScalerKey scaler_key_;
};

Result<std::unique_ptr<FrameDecoder>> start(Source source, std::string name,
                                            const VideoLimits& limits) {
  auto decoder = std::make_unique<FfmpegFrameDecoder>(std::move(source), std::move(name), limits);
  ZT_RETURN_IF_ERROR(decoder->start());
  return std::unique_ptr<FrameDecoder>(std::move(decoder));
}

}  // namespace

Result<std::unique_ptr<FrameDecoder>> FrameDecoder::open(FileDescriptor file, std::string name,
                                                         const VideoLimits& limits) {
  Source source;
  source.size = ::lseek(file.get(), 0, SEEK_END);
  if (source.size < 0) return base::invalid_argument(name + ": not a file that can be sought in");
  if (source.size == 0) return base::invalid_argument(name + ": the file is empty");
  source.file = std::move(file);
  return start(std::move(source), std::move(name), limits);
}

Result<std::unique_ptr<FrameDecoder>> FrameDecoder::open(std::span<const uint8_t> bytes,
                                                         std::string name,
                                                         const VideoLimits& limits) {
  Source source;
  source.memory = bytes;
  source.size = static_cast<int64_t>(bytes.size());
  return start(std::move(source), std::move(name), limits);
}

}  // namespace zoetrope::media
