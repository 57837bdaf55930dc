#include "apps/build_info.h"

#include <torch/headeronly/version.h>

namespace zoetrope::apps {

BuildInfo build_info() {
  return {.version = ZOETROPE_VERSION,
          .build_type = ZOETROPE_BUILD_TYPE,
          .compiler = "g++ " __VERSION__,
          .libtorch = TORCH_VERSION,
          .has_cuda = ZOETROPE_HAS_CUDA};
}

}  // namespace zoetrope::apps
