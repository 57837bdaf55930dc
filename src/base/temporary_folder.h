// A folder of one's own under the system's temporary one, removed with everything in it.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/status.h"

namespace zoetrope::base {

class TemporaryFolder {
 public:
  // Its name begins with `prefix`. Throws base::Error (kUnavailable).
  explicit TemporaryFolder(const std::string& prefix = "zoetrope") {
    std::string name = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(StatusCode::kUnavailable, name + ": " + std::strerror(errno));
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace zoetrope::base
