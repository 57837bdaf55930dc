// Any bytes as a picture: read_image gives one of the size it promises, or refuses in one line.
#include <cstdint>

#include "fuzz_check.h"
#include "media/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  // Small limits keep an input fast; the code is the same for large ones.
  const media::ReadOptions options{.limits = {.max_pixels = 1 << 18, .max_side = 4096}};
  const auto result = media::read_image({data, size}, "fuzz", options);
  if (!result.ok()) {
    fuzz::check_refusal(result.status());
    return 0;
  }
  const media::Image& image = result->image;
  const auto pixels = static_cast<std::int64_t>(image.width) * image.height;
  fuzz::check(image.width > 0 && image.height > 0, "a picture without pixels");
  fuzz::check(pixels <= options.limits.max_pixels, "a picture over the limit");
  fuzz::check(image.rgb.size() == 3 * static_cast<std::size_t>(pixels), "pixels are missing");
  fuzz::check(result->frames >= 1, "no frames");
  return 0;
}
