// The table behind find(). CMake writes its source from the files themselves.
#pragma once

#include <span>
#include <string_view>

#include "web/web.h"

namespace zoetrope::web {

struct NamedFile {
  std::string_view path;
  File file;
};

std::span<const NamedFile> all_files();

}  // namespace zoetrope::web
