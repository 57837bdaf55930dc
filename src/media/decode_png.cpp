// PNG by libpng. Whatever the bit depth and colour type, it becomes 8-bit RGBA.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cstring>

#include "media/decoders.h"
#include "media/exif.h"
#include "media/guarded.h"

namespace zoetrope::media {
namespace {

constexpr size_t kSignatureBytes = 8;

struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump = {};
  Bytes bytes;
  size_t position = 0;
  bool truncated = false;
  char message[160] = {};

  PngState() = default;
  PngState(const PngState&) = delete;
  PngState& operator=(const PngState&) = delete;
  ~PngState() { png_destroy_read_struct(&png, &info, nullptr); }

  base::Status failure() const {
    if (truncated) {
      return base::data_loss(
          fmt::format("truncated PNG: the file ends after {} bytes", bytes.size()));
    }
    return base::data_loss(fmt::format("corrupt PNG: {}", message));
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::strncpy(state->message, message, sizeof state->message - 1);
  std::longjmp(state->jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->bytes.size() - state->position) {
    state->truncated = true;
    png_error(png, "truncated");
  }
  std::memcpy(to, state->bytes.data() + state->position, count);
  state->position += count;
}

uint32_t big_endian_32(Bytes bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

// Chunks that libpng does not report, or only where they stand before the pixels.
void scan_chunks(Bytes bytes, Decoded* out) {
  size_t at = kSignatureBytes;
  while (bytes.size() - at >= 12) {
    const size_t length = big_endian_32(bytes, at);
    if (length > bytes.size() - at - 12) return;
    const Bytes data = bytes.subspan(at + 8, length);
    if (std::memcmp(&bytes[at + 4], "eXIf", 4) == 0) {
      out->orientation = exif_orientation(data);
    } else if (std::memcmp(&bytes[at + 4], "acTL", 4) == 0 && length >= 4) {
      out->frames = static_cast<int>(std::clamp(big_endian_32(data, 0), 1u, 1u << 30));
    }
    at += 12 + length;
  }
}

void ask_for_rgba(png_structp png, png_infop info) {
  png_set_expand(png);    // palettes, 1 to 4 bits, and tRNS to 8-bit samples
  png_set_scale_16(png);  // rounds; png_set_strip_16 would cut
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
  png_read_update_info(png, info);
}

}  // namespace

base::Result<Decoded> decode_png(Bytes bytes, const ImageLimits& limits) {
  PngState state;
  state.bytes = bytes;
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  if (state.png) state.info = png_create_info_struct(state.png);
  if (!state.info) return base::resource_exhausted("out of memory");
  png_set_read_fn(state.png, &state, on_read);
  // Our own limits are checked below, with a better message.
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(state.png, 4 << 20);

  if (!guarded(state.jump, [&] { png_read_info(state.png, state.info); })) return state.failure();
  const int64_t width = png_get_image_width(state.png, state.info);
  const int64_t height = png_get_image_height(state.png, state.info);
  ZT_RETURN_IF_ERROR(check_size(width, height, limits.max_pixels, limits.max_side));

  int passes = 0;
  if (!guarded(state.jump, [&] {
        passes = png_set_interlace_handling(state.png);
        ask_for_rgba(state.png, state.info);
      })) {
    return state.failure();
  }
  Decoded out;
  out.picture.resize(static_cast<int>(width), static_cast<int>(height));
  if (png_get_rowbytes(state.png, state.info) != 4 * static_cast<size_t>(width)) {
    return base::internal_error("libpng does not give RGBA");
  }
  if (!guarded(state.jump, [&] {
        for (int pass = 0; pass < passes; ++pass) {
          for (int y = 0; y < out.picture.height; ++y) {
            png_read_row(state.png, out.picture.row(y), nullptr);
          }
        }
        png_read_end(state.png, nullptr);
      })) {
    return state.failure();
  }
  scan_chunks(bytes, &out);
  return out;
}

}  // namespace zoetrope::media
