#include "apps/build_info.h"

#include <fmt/format.h>
#include <torch/headeronly/version.h>

namespace zoetrope::apps {

BuildInfo build_info() {
  return {.version = ZOETROPE_VERSION,
          .build_type = ZOETROPE_BUILD_TYPE,
          .compiler = "g++ " __VERSION__,
          .libtorch = TORCH_VERSION,
          .has_cuda = ZOETROPE_HAS_CUDA};
}

std::string version_line() {
  const BuildInfo build = build_info();
  return fmt::format("zoetrope {} ({}, {}, LibTorch {}{})", build.version, build.build_type,
                     build.compiler, build.libtorch, build.has_cuda ? ", CUDA" : "");
}

}  // namespace zoetrope::apps
