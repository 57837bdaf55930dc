// Clips on disk, one file each, so that an interrupted comparison goes on where it stopped and a
// finished one can be measured again. A file says what request made it; one of another request, or
// a damaged one, counts as absent.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace zoetrope::eval {

struct StoredClip {
  at::Tensor frames;           // u8 [f, h, w, 3]
  at::Tensor own_first_frame;  // u8 [h, w, 3]: frame 0 as the network made it
  double seconds = 0;          // it took
  std::string made_on = {};    // "cpu, bf16"
};

class ClipStore {
 public:
  explicit ClipStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path path(const std::string& configuration, int64_t item, uint64_t seed) const;

  // `request` identifies everything the clip depends on.
  std::optional<StoredClip> load(const std::filesystem::path& path,
                                 const std::string& request) const;
  // Whatever request made it. kNotFound, or kDataLoss naming the file.
  base::Result<StoredClip> read(const std::filesystem::path& path) const;
  // The file appears whole or not at all. Makes its folder.
  base::Status save(const std::filesystem::path& path, const std::string& request,
                    const StoredClip& clip) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace zoetrope::eval
