#include "train/decode_clips.h"

#include <ATen/ATen.h>

#include <cstring>

#include "media/read_video.h"
#include "media/resize.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {
namespace {

using base::Status;

// u8 [n, h, w, 3], filled picture by picture.
class PictureStack {
 public:
  PictureStack(int64_t count, int64_t size)
      : size_(size), tensor_(at::empty({count, size, size, 3}, at::kByte)) {}

  void add(const media::Image& image) {
    const bool fits = image.width == size_ && image.height == size_;
    const media::Image fitted =
        fits ? image
             : media::fit_to(image, static_cast<int>(size_), static_cast<int>(size_),
                             media::border_colour(image))
                   .image;
    std::memcpy(tensor_.mutable_data_ptr<uint8_t>() + filled_++ * size_ * size_ * 3,
                fitted.rgb.data(), fitted.rgb.size());
  }
  int64_t filled() const { return filled_; }
  const at::Tensor& tensor() const { return tensor_; }

 private:
  int64_t size_;
  at::Tensor tensor_;
  int64_t filled_ = 0;
};

// Exactly the pictures that `stack` has room for.
Status decode_all(const std::string& path, PictureStack& stack, const base::ProgressSink& progress,
                  const base::CancelToken& cancel) {
  ZT_ASSIGN_OR_RETURN(auto reader, media::VideoReader::open(path));
  const int64_t want = stack.tensor().size(0);
  while (true) {
    if (cancel.cancelled()) return {base::StatusCode::kCancelled, "cancelled"};
    ZT_ASSIGN_OR_RETURN(const auto frame, reader.next());
    if (!frame) break;
    if (stack.filled() == want) {
      return base::data_loss(path + ": more frames than its captions account for");
    }
    stack.add(*frame);
    base::report(progress, "decode", stack.filled(), want);
  }
  if (stack.filled() == want) return {};
  return base::data_loss(path + ": " + std::to_string(stack.filled()) + " frames, " +
                         std::to_string(want) + " expected");
}

// `count` frames spread evenly over the clip.
Status add_clip(const std::string& path, int64_t count, PictureStack& stack) {
  ZT_ASSIGN_OR_RETURN(const media::Clip clip, media::read_clip(path));
  const auto available = static_cast<int64_t>(clip.frames.size());
  if (available == 0) return base::data_loss(path + ": no frames");
  for (int64_t i = 0; i < count; ++i) stack.add(clip.frames[i * available / count]);
  return {};
}

Status save(const std::string& path, const at::Tensor& frames) {
  return weights::save_tensors(path, {{"frames", frames}});
}

}  // namespace

Status decode_clips(const PrepareOptions& options, const Captions& captions,
                    const base::ProgressSink& progress, const base::CancelToken& cancel) {
  const auto count = static_cast<int64_t>(captions.clips.size());
  PictureStack clips(count * options.frames, options.size);
  PictureStack stills(static_cast<int64_t>(captions.stills.size()), options.size);
  if (captions.sticker_pack) {
    ZT_RETURN_IF_ERROR(
        decode_all(options.data_folder + "/animations-128px.mkv", clips, progress, cancel));
    ZT_RETURN_IF_ERROR(
        decode_all(options.data_folder + "/stills-128px.mkv", stills, progress, cancel));
  } else {
    for (int64_t i = 0; i < count; ++i) {
      if (cancel.cancelled()) return {base::StatusCode::kCancelled, "cancelled"};
      ZT_RETURN_IF_ERROR(
          add_clip(options.data_folder + "/" + captions.clips[i].file, options.frames, clips));
      base::report(progress, "decode", i + 1, count);
    }
  }
  ZT_RETURN_IF_ERROR(
      save(options.out_folder + "/clips.safetensors",
           clips.tensor().view({count, options.frames, options.size, options.size, 3})));
  return save(options.out_folder + "/stills.safetensors", stills.tensor());
}

}  // namespace zoetrope::train
