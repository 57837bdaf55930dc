// What kind of picture some bytes are, and the way from them to an upright, opaque Image.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "media/decoders.h"
#include "media/exif.h"
#include "media/file.h"

namespace zoetrope::media {
namespace {

using base::Result;
using namespace std::string_view_literals;

struct Format {
  std::string_view name;
  Result<Decoded> (*decode)(Bytes, const ImageLimits&);
};

constexpr Format kFormats[] = {
    {"PNG", decode_png}, {"JPEG", decode_jpeg}, {"WebP", decode_webp}, {"GIF", decode_gif}};

// Bytes that a file starts with, at an offset; the first 4 name one of kFormats.
struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view name;
};

constexpr Signature kSignatures[] = {
    {0, "\x89PNG\r\n\x1a\n"sv, "PNG"},
    {0, "\xff\xd8\xff"sv, "JPEG"},
    {8, "WEBP"sv, "WebP"},
    {0, "GIF8"sv, "GIF"},
    // Not read, but a name helps whoever picked the wrong file.
    {4, "ftypheic"sv, "HEIC"},
    {4, "ftypmif1"sv, "HEIC"},
    {4, "ftypavif"sv, "AVIF"},
    {4, "ftyp"sv, "MP4"},
    {0, "\x1a\x45\xdf\xa3"sv, "Matroska"},
    {0, "II*\0"sv, "TIFF"},
    {0, "MM\0*"sv, "TIFF"},
    {0, "BM"sv, "BMP"},
    {0, "%PDF"sv, "PDF"},
    {0, "<svg"sv, "SVG"},
};

std::string_view sniff(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Signature& s : kSignatures) {
    if (text.size() >= s.offset && text.substr(s.offset).starts_with(s.bytes)) return s.name;
  }
  return {};
}

}  // namespace

Result<ReadImage> read_image(std::span<const uint8_t> bytes, std::string_view name,
                             const ReadOptions& options) {
  if (bytes.empty()) return base::invalid_argument(fmt::format("{}: the file is empty", name));
  const std::string_view kind = sniff(bytes);
  const auto format = std::ranges::find(kFormats, kind, &Format::name);
  if (format == std::end(kFormats)) {
    return base::invalid_argument(
        fmt::format("{}: not a picture that can be read (PNG, JPEG, WebP or GIF){}{}", name,
                    kind.empty() ? "" : "; it looks like ", kind));
  }
  Result<Decoded> decoded = format->decode(bytes, options.limits);
  if (!decoded.ok()) return decoded.status().with_context(name);

  ReadImage out;
  out.format = format->name;
  out.frames = decoded->frames;
  out.image = compose(upright(std::move(decoded->picture), decoded->orientation),
                      options.background, &out.had_alpha);
  return out;
}

Result<ReadImage> read_image(const std::filesystem::path& path, const ReadOptions& options) {
  ZT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, read_file(path, options.limits.max_bytes));
  return read_image(bytes, path.string(), options);
}

}  // namespace zoetrope::media
