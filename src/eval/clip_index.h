// What clips a comparison made: OUT/clips/index.json, for those who read them later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::eval {

struct ClipIndex {
  struct Clip {
    int64_t number = 0;
    std::string caption;
    int cluster = 0;
  };
  std::vector<std::string> configurations;
  std::vector<uint64_t> seeds;
  std::vector<Clip> clips;

  // Of the comparison in `folder`. kNotFound, or kDataLoss naming file and field.
  static base::Result<ClipIndex> read(const std::filesystem::path& folder);
  base::Status write(const std::filesystem::path& folder) const;
};

}  // namespace zoetrope::eval
