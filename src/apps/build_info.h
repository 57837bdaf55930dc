// What this program was built from. Filled in by CMake and the compiler.
#pragma once

#include <string>

namespace zoetrope::apps {

struct BuildInfo {
  std::string version;
  std::string build_type;
  std::string compiler;
  std::string libtorch;
  bool has_cuda = false;
};

BuildInfo build_info();

}  // namespace zoetrope::apps
