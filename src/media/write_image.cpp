#include "media/write_image.h"

#include <fmt/format.h>
#include <png.h>
#include <webp/encode.h>

#include <cstdio>  // jpeglib.h needs FILE and size_t, and does not ask for them
#include <cstdlib>

#include <jpeglib.h>

#include "media/extension.h"
#include "media/file.h"
#include "media/guarded.h"

namespace zoetrope::media {
namespace {

using base::Result;
using Encoded = std::vector<uint8_t>;

constexpr int kJpegQuality = 92;

constexpr Extension<ImageFormat> kExtensions[] = {{".png", ImageFormat::kPng},
                                                  {".jpg", ImageFormat::kJpeg},
                                                  {".jpeg", ImageFormat::kJpeg},
                                                  {".webp", ImageFormat::kWebp}};

base::Status too_large(std::string_view format, int most) {
  return base::invalid_argument(
      fmt::format("{} can hold pictures of {} x {} pixels at most", format, most, most));
}

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump = {};
  Encoded bytes;

  PngWriter() = default;
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

[[noreturn]] void on_png_error(png_structp png, png_const_charp) {
  std::longjmp(static_cast<PngWriter*>(png_get_error_ptr(png))->jump, 1);
}

void on_png_warning(png_structp, png_const_charp) {}

void on_png_write(png_structp png, png_bytep from, size_t count) {
  auto* writer = static_cast<PngWriter*>(png_get_io_ptr(png));
  writer->bytes.insert(writer->bytes.end(), from, from + count);
}

enum class PngEffort { kQuick, kUsual };

Result<Encoded> encode_png(const Image& image, PngEffort effort) {
  PngWriter writer;
  writer.png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, on_png_error, on_png_warning);
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.info) return base::resource_exhausted("out of memory");
  png_set_write_fn(writer.png, &writer, on_png_write, nullptr);
  const bool written = guarded(writer.jump, [&] {
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width),
                 static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (effort == PngEffort::kQuick) {
      png_set_compression_level(writer.png, 1);
      png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    }
    png_set_sRGB(writer.png, writer.info, PNG_sRGB_INTENT_PERCEPTUAL);
    png_write_info(writer.png, writer.info);
    for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.at(0, y));
    png_write_end(writer.png, nullptr);
  });
  if (!written) return too_large("PNG", PNG_USER_WIDTH_MAX);
  return std::move(writer.bytes);
}

struct JpegWriter {
  jpeg_compress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  std::jmp_buf jump = {};
  unsigned char* buffer = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type

  JpegWriter() = default;
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&jpeg);
    std::free(buffer);
  }
};

Result<Encoded> encode_jpeg(const Image& image, int quality) {
  JpegWriter writer;
  writer.jpeg.err = jpeg_std_error(&writer.errors);
  writer.jpeg.client_data = &writer;
  writer.errors.output_message = [](j_common_ptr) {};
  writer.errors.error_exit = [](j_common_ptr jpeg) {
    std::longjmp(static_cast<JpegWriter*>(jpeg->client_data)->jump, 1);
  };
  const bool written = guarded(writer.jump, [&] {
    jpeg_compress_struct& jpeg = writer.jpeg;
    jpeg_create_compress(&jpeg);
    jpeg.client_data = &writer;  // the call above clears the struct, err apart
    jpeg_mem_dest(&jpeg, &writer.buffer, &writer.size);
    jpeg.image_width = static_cast<JDIMENSION>(image.width);
    jpeg.image_height = static_cast<JDIMENSION>(image.height);
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < image.height; ++y) {
      JSAMPROW row = const_cast<JSAMPROW>(image.at(0, y));
      jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
  });
  if (!written) return too_large("JPEG", JPEG_MAX_DIMENSION);
  return Encoded(writer.buffer, writer.buffer + writer.size);
}

struct WebpWriter {
  WebPPicture picture = {};
  WebPMemoryWriter memory = {};

  WebpWriter() { WebPMemoryWriterInit(&memory); }
  WebpWriter(const WebpWriter&) = delete;
  WebpWriter& operator=(const WebpWriter&) = delete;
  ~WebpWriter() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&memory);
  }
};

Result<Encoded> encode_webp(const Image& image, std::optional<int> quality) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    return too_large("WebP", WEBP_MAX_DIMENSION);
  }
  WebpWriter writer;
  WebPConfig config;
  if (!WebPPictureInit(&writer.picture) || !WebPConfigInit(&config) ||
      !WebPConfigLosslessPreset(&config, 6)) {
    return base::internal_error("libwebp mismatch");
  }
  if (quality) {
    config.lossless = 0;
    config.method = 4;  // libwebp's own middle; the preset's is dear
    config.quality = static_cast<float>(*quality);
  }
  writer.picture.use_argb = 1;
  writer.picture.width = image.width;
  writer.picture.height = image.height;
  writer.picture.writer = WebPMemoryWrite;
  writer.picture.custom_ptr = &writer.memory;
  if (!WebPPictureImportRGB(&writer.picture, image.rgb.data(), 3 * image.width) ||
      !WebPEncode(&config, &writer.picture)) {
    return base::resource_exhausted("out of memory");
  }
  return Encoded(writer.memory.mem, writer.memory.mem + writer.memory.size);
}

}  // namespace

Result<ImageFormat> image_format_for(const std::filesystem::path& path) {
  return format_by_extension<ImageFormat>(path, kExtensions);
}

Result<Encoded> encode_image(const Image& image, ImageFormat format, std::optional<int> quality) {
  if (image.empty()) return base::invalid_argument("the picture is empty");
  switch (format) {
    case ImageFormat::kPng:
      return encode_png(image, PngEffort::kUsual);
    case ImageFormat::kJpeg:
      return encode_jpeg(image, quality.value_or(kJpegQuality));
    case ImageFormat::kWebp:
      return encode_webp(image, quality);
  }
  return base::internal_error("unknown picture format");
}

Result<Encoded> encode_png_quickly(const Image& image) {
  if (image.empty()) return base::invalid_argument("the picture is empty");
  return encode_png(image, PngEffort::kQuick);
}

base::Status write_image(const std::filesystem::path& path, const Image& image,
                         const base::CancelToken& cancel) {
  ZT_ASSIGN_OR_RETURN(const ImageFormat format, image_format_for(path));
  const Result<Encoded> bytes = encode_image(image, format);
  if (!bytes.ok()) return bytes.status().with_context(path.string());
  return write_file(path, *bytes, cancel);
}

}  // namespace zoetrope::media
