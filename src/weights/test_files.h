// Files for the tests of this folder: fixtures of the source tree, and temporary folders.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/temporary_folder.h"

namespace zoetrope::weights {

inline std::string fixture(const std::string& name) {
  return std::string(ZOETROPE_SOURCE_DIR "/tests/fixtures/") + name;
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  EXPECT_TRUE(file.flush()) << path;
}

class TempFolder {
 public:
  const std::string& path() const { return folder_.path().native(); }
  std::string operator/(std::string_view name) const { return folder_.path() / name; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path()), {}));
  }

 private:
  base::TemporaryFolder folder_;
};

}  // namespace zoetrope::weights
