#include "web/web.h"

#include <algorithm>

#include "web/files.h"

namespace zoetrope::web {

std::optional<File> find(std::string_view path) {
  const auto files = all_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const NamedFile& file) { return file.path == path; });
  if (found == files.end()) return std::nullopt;
  return found->file;
}

}  // namespace zoetrope::web
