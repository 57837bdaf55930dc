// JPEG by libjpeg-turbo: baseline and progressive, greyscale, YCbCr, RGB, CMYK and YCCK.
#include <fmt/format.h>

#include <cstdio>  // jpeglib.h needs FILE and size_t, and does not ask for them

#include <jpeglib.h>

#include <jerror.h>

#include "media/decoders.h"
#include "media/exif.h"
#include "media/guarded.h"

namespace zoetrope::media {
namespace {

// Each scan of a progressive file costs as much as decoding the picture once; ten is usual.
constexpr int kMaxScans = 100;

struct JpegState {
  jpeg_decompress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf jump = {};
  bool truncated = false;
  char message[JMSG_LENGTH_MAX] = {};

  JpegState() = default;
  JpegState(const JpegState&) = delete;
  JpegState& operator=(const JpegState&) = delete;
  ~JpegState() { jpeg_destroy_decompress(&jpeg); }

  base::Status failure(size_t size) const {
    if (truncated) {
      return base::data_loss(fmt::format("truncated JPEG: the file ends after {} bytes", size));
    }
    return base::data_loss(fmt::format("corrupt or unusual JPEG: {}", message));
  }
};

JpegState& state_of(j_common_ptr jpeg) { return *static_cast<JpegState*>(jpeg->client_data); }

[[noreturn]] void on_error(j_common_ptr jpeg) {
  JpegState& state = state_of(jpeg);
  jpeg->err->format_message(jpeg, state.message);
  std::longjmp(state.jump, 1);
}

// libjpeg goes on after missing or damaged data and paints the rest grey. We do not, but let pass
// what leaves the pixels whole (stray bytes between markers are common).
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
      state_of(jpeg).truncated = true;
      on_error(jpeg);
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
      on_error(jpeg);
    default:
      break;
  }
}

void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  std::snprintf(state_of(jpeg).message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
  std::longjmp(state_of(jpeg).jump, 1);
}

void ignore_output(j_common_ptr) {}

// In place. Adobe's files hold 255 - ink, all others ink.
void cmyk_to_rgba(uint8_t* row, int width, bool inverted) {
  for (uint8_t* pixel = row; pixel < row + 4 * static_cast<size_t>(width); pixel += 4) {
    const int paper = inverted ? pixel[3] : 255 - pixel[3];
    for (int c = 0; c < 3; ++c) {
      const int light = inverted ? pixel[c] : 255 - pixel[c];
      pixel[c] = static_cast<uint8_t>((light * paper + 127) / 255);
    }
    pixel[3] = 255;
  }
}

int orientation_of(const jpeg_decompress_struct& jpeg) {
  for (const jpeg_marker_struct* m = jpeg.marker_list; m != nullptr; m = m->next) {
    const Bytes data(m->data, m->data_length);
    if (m->marker == JPEG_APP0 + 1 && data.size() > 6 && data[0] == 'E' && data[1] == 'x') {
      return exif_orientation(data);
    }
  }
  return 1;
}

void read_header(JpegState& state, Bytes bytes) {
  jpeg_create_decompress(&state.jpeg);
  state.jpeg.client_data = &state;  // the call above clears the struct, err apart
  state.jpeg.progress = &state.progress;
  state.progress.progress_monitor = on_progress;
  jpeg_mem_src(&state.jpeg, bytes.data(), bytes.size());
  jpeg_save_markers(&state.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&state.jpeg, TRUE);
}

}  // namespace

base::Result<Decoded> decode_jpeg(Bytes bytes, const ImageLimits& limits) {
  JpegState state;
  state.jpeg.err = jpeg_std_error(&state.errors);
  state.jpeg.client_data = &state;
  state.errors.error_exit = on_error;
  state.errors.emit_message = on_message;
  state.errors.output_message = ignore_output;

  if (!guarded(state.jump, [&] { read_header(state, bytes); })) return state.failure(bytes.size());
  ZT_RETURN_IF_ERROR(check_size(state.jpeg.image_width, state.jpeg.image_height, limits.max_pixels,
                                limits.max_side));
  Decoded out;
  out.orientation = orientation_of(state.jpeg);  // finishing frees the markers
  out.picture.resize(static_cast<int>(state.jpeg.image_width),
                     static_cast<int>(state.jpeg.image_height));
  const bool cmyk = state.jpeg.num_components == 4;
  state.jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
  if (!guarded(state.jump, [&] {
        jpeg_start_decompress(&state.jpeg);
        while (state.jpeg.output_scanline < state.jpeg.output_height) {
          JSAMPROW row = out.picture.row(static_cast<int>(state.jpeg.output_scanline));
          jpeg_read_scanlines(&state.jpeg, &row, 1);
        }
        jpeg_finish_decompress(&state.jpeg);
      })) {
    return state.failure(bytes.size());
  }
  if (cmyk) {
    for (int y = 0; y < out.picture.height; ++y) {
      cmyk_to_rgba(out.picture.row(y), out.picture.width, state.jpeg.saw_Adobe_marker);
    }
  }
  return out;
}

}  // namespace zoetrope::media
