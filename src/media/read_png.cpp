#include "media/decoders.h"
#include "media/exif.h"
#include "media/file.h"
#include "media/image.h"

namespace zoetrope::media {

base::Result<Image> read_png(const std::filesystem::path& path, const ReadOptions& options) {
  ZT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, read_file(path, options.limits.max_bytes));
  base::Result<Decoded> decoded = decode_png(bytes, options.limits);
  if (!decoded.ok()) return decoded.status().with_context(path.string());
  return compose(upright(std::move(decoded->picture), decoded->orientation), options.background);
}

}  // namespace zoetrope::media
