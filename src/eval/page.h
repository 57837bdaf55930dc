// The page for raters: pairs of clips side by side, one self-contained HTML file.
//
// Which configuration is on which side is drawn for each pair, and the order of the pairs too, from
// a seed. The page carries both in a sealed form that it opens only after the last vote: enough
// that nobody learns it by looking, not enough to stop one who wants to.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::eval {

struct PagePair {
  std::string prompt;
  int64_t clip = 0;
  uint64_t seed = 0;
  int concept_id = 0;
  at::Tensor a, b;  // u8 [f, h, w, 3], frame 0 being the picture
};

// Clips are embedded as lossless strips of frames. All must have one shape; kInvalidArgument names
// the pair otherwise, and when there is none.
base::Result<std::string> make_page(const std::string& a, const std::string& b,
                                    const std::vector<PagePair>& pairs, double fps, uint64_t seed);

struct PageOptions {
  std::filesystem::path comparison;  // the folder compare() wrote
  std::string a, b;                  // configurations
  int64_t limit = 0;                 // pairs, evenly spread over the clips; 0 = all
  double fps = 12;
  uint64_t seed = 0;
};

// The page of a comparison. Errors name the file, the configuration or the field.
base::Result<std::string> page_of_comparison(const PageOptions& options);

}  // namespace zoetrope::eval
