// Where results are written, settled before any work is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::apps {

struct OutputPlan {
  std::string extension;                     // what decides the format: ".mp4", lower case
  std::vector<std::filesystem::path> paths;  // one for each seed
};

// `out`: what the user named, or "" for `stem` in the present folder. `format`: "mp4", "png", ...,
// or "" for the extension's; "" and "": the first of `formats`. With several seeds each name gets
// its seed: clip.mp4 -> clip-7.mp4. kInvalidArgument: the format is none of `formats`.
base::Result<OutputPlan> plan_output(const std::string& out, const std::string& format,
                                     const std::string& stem,
                                     const std::vector<std::string>& formats,
                                     const std::vector<uint64_t>& seeds);

// Whether a file can be made at `path`; leaves nothing behind.
base::Status check_writable(const std::filesystem::path& path);

}  // namespace zoetrope::apps
