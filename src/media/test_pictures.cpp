#include "media/test_pictures.h"

#include <png.h>
#include <webp/encode.h>
#include <webp/mux.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <jpeglib.h>

namespace zoetrope::media::testing {
namespace fs = std::filesystem;

std::vector<std::string> TemporaryFolder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path())) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

void write_bytes(const fs::path& path, std::span<const uint8_t> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Encoded read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Encoded(std::istreambuf_iterator<char>(file), {});
}

Image test_picture(int width, int height, double phase) {
  Image image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = (x + 0.5) / width, v = (y + 0.5) / height;
      const double du = u - 0.5 - 0.2 * std::cos(phase), dv = v - 0.5 - 0.2 * std::sin(phase);
      uint8_t* p = image.at(x, y);
      if (du * du + dv * dv < 0.04) {
        p[0] = 220, p[1] = 40, p[2] = 60;
      } else {
        p[0] = static_cast<uint8_t>(40 + 160 * u);
        p[1] = static_cast<uint8_t>(60 + 140 * v);
        p[2] = static_cast<uint8_t>(200 - 120 * u * v);
      }
    }
  }
  return image;
}

Image coloured_cells(int columns, int rows, int cell) {
  Image image(columns * cell, rows * cell);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      uint8_t* p = image.at(x, y);
      p[0] = static_cast<uint8_t>(20 + 200 * (x / cell) / columns);
      p[1] = static_cast<uint8_t>(230 - 200 * (y / cell) / rows);
      p[2] = static_cast<uint8_t>(90 + 20 * ((x / cell + y / cell) % 3));
    }
  }
  return image;
}

double psnr(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) {
    const double d = double{static_cast<double>(a.rgb[i])} - b.rgb[i];
    sum += d * d;
  }
  return sum == 0 ? INFINITY : 10 * std::log10(65025.0 * static_cast<double>(a.rgb.size()) / sum);
}

int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) {
    largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
  }
  return largest;
}

Encoded encode_png(const PngSpec& spec) {
  Encoded bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep from, size_t count) {
        auto* to = static_cast<Encoded*>(png_get_io_ptr(p));
        to->insert(to->end(), from, from + count);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(spec.width),
               static_cast<png_uint_32>(spec.height), spec.bit_depth, spec.colour_type,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> palette;
  for (const Rgb& c : spec.palette) palette.push_back({c[0], c[1], c[2]});
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!spec.alpha.empty()) {
    png_set_tRNS(png, info, spec.alpha.data(), static_cast<int>(spec.alpha.size()), nullptr);
  }
  Encoded exif = spec.exif;
  if (!exif.empty()) {
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), exif.data());
  }
  std::vector<Encoded> rows = spec.rows;
  std::vector<png_bytep> pointers(rows.size());
  std::ranges::transform(rows, pointers.begin(), [](Encoded& row) { return row.data(); });
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

PngSpec png_of(const Image& image) {
  PngSpec spec{.width = image.width, .height = image.height};
  for (int y = 0; y < image.height; ++y) {
    spec.rows.emplace_back(image.at(0, y), image.at(0, y) + 3 * image.width);
  }
  return spec;
}

Encoded with_png_chunk(const Encoded& png, std::string_view type, const Encoded& data) {
  const auto append_32 = [](Encoded& to, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(value >> shift));
  };
  Encoded body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  Encoded chunk;
  append_32(chunk, static_cast<uint32_t>(data.size()));
  chunk.insert(chunk.end(), body.begin(), body.end());
  append_32(chunk, static_cast<uint32_t>(crc32(0, body.data(), static_cast<uInt>(body.size()))));

  const std::string_view idat = "IDAT";
  const auto at = std::search(png.begin(), png.end(), idat.begin(), idat.end()) - 4;
  Encoded out(png.begin(), at);
  out.insert(out.end(), chunk.begin(), chunk.end());
  out.insert(out.end(), at, png.end());
  return out;
}

Encoded encode_jpeg(const JpegSpec& spec) {
  jpeg_compress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg.err = jpeg_std_error(&errors);  // an error ends the test
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = static_cast<JDIMENSION>(spec.width);
  jpeg.image_height = static_cast<JDIMENSION>(spec.height);
  jpeg.input_components = spec.components;
  jpeg.in_color_space = static_cast<J_COLOR_SPACE>(spec.in_colour);
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, static_cast<J_COLOR_SPACE>(spec.file_colour));
  jpeg_set_quality(&jpeg, spec.quality, TRUE);
  for (int c = 0; c < jpeg.num_components; ++c) {
    jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
  }
  jpeg.write_Adobe_marker = spec.adobe_marker;
  if (spec.progressive) jpeg_simple_progression(&jpeg);
  std::vector<jpeg_scan_info> scans;
  if (spec.one_scan_per_coefficient) {
    scans.push_back({jpeg.num_components, {0, 1, 2}, 0, 0, 0, 0});
    for (int c = 0; c < jpeg.num_components; ++c) {
      for (int k = 1; k < 64; ++k) scans.push_back({1, {c}, k, k, 0, 0});
    }
    jpeg.scan_info = scans.data();
    jpeg.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&jpeg, TRUE);
  if (!spec.exif.empty()) {
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, spec.exif.data(),
                      static_cast<unsigned>(spec.exif.size()));
  }
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<JSAMPROW>(
        &spec.samples[static_cast<size_t>(jpeg.next_scanline) * spec.width * spec.components]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  Encoded bytes(buffer, buffer + size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return bytes;
}

JpegSpec jpeg_of(const Image& image) {
  return {.width = image.width, .height = image.height, .samples = image.rgb};
}

Encoded encode_webp(int width, int height, const Encoded& rgba) {
  uint8_t* buffer = nullptr;
  const size_t size = WebPEncodeLosslessRGBA(rgba.data(), width, height, 4 * width, &buffer);
  Encoded bytes(buffer, buffer + size);
  WebPFree(buffer);
  return bytes;
}

Encoded with_webp_exif(const Encoded& webp, const Encoded& exif) {
  const WebPData picture = {webp.data(), webp.size()};
  const WebPData data = {exif.data(), exif.size()};
  WebPMux* mux = WebPMuxNew();
  WebPMuxSetImage(mux, &picture, 1);
  WebPMuxSetChunk(mux, "EXIF", &data, 1);
  WebPData out;
  WebPMuxAssemble(mux, &out);
  Encoded bytes(out.bytes, out.bytes + out.size);
  WebPDataClear(&out);
  WebPMuxDelete(mux);
  return bytes;
}

Encoded exif_block(int orientation, bool big_endian, bool prefix) {
  Encoded bytes;
  const auto put = [&](uint32_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes.push_back(static_cast<uint8_t>(value >> 8 * (big_endian ? size - 1 - i : i)));
    }
  };
  for (const char c : std::string_view(big_endian ? "MM" : "II")) bytes.push_back(c);
  put(42, 2);
  put(8, 4);       // the directory follows at once
  put(2, 2);       // entries
  put(0x0100, 2);  // ImageWidth, as a distraction
  put(4, 2), put(1, 4), put(77, 4);
  put(0x0112, 2);
  put(3, 2), put(1, 4), put(static_cast<uint32_t>(orientation), 2), put(0, 2);
  put(0, 4);  // no further directory
  if (prefix) bytes.insert(bytes.begin(), {'E', 'x', 'i', 'f', 0, 0});
  return bytes;
}

}  // namespace zoetrope::media::testing
