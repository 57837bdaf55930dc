// decode_clip FILE...: decodes every frame of every file and says how many; leaves with 1 at the
// first that cannot be decoded.
#include <cstdio>

#include "media/read_video.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const auto clip = zoetrope::media::read_clip(argv[i]);
    if (!clip.ok()) {
      std::fprintf(stderr, "%s\n", clip.status().message().c_str());
      return 1;
    }
    std::printf("%s %zu\n", argv[i], clip->frames.size());
  }
  return 0;
}
