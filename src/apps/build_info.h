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

// The same in one line: "zoetrope 0.1.0 (Release, ...)".
std::string version_line();

}  // namespace zoetrope::apps
