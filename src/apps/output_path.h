// Where clips are written, settled before any work is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/video.h"

namespace zoetrope::apps {

struct OutputPlan {
  media::VideoFormat format;
  std::vector<std::filesystem::path> paths;  // one for each seed
};

// `out`: what the user named, or "" for the picture's name in the present folder. `format`: "mp4",
// "gif", "webp", or "" for the extension's. With several seeds each name gets its seed:
// clip.mp4 -> clip-7.mp4. kInvalidArgument: no such format.
base::Result<OutputPlan> plan_output(const std::string& out, const std::string& format,
                                     const std::filesystem::path& picture,
                                     const std::vector<uint64_t>& seeds);

// Whether a file can be made at `path`; leaves nothing behind.
base::Status check_writable(const std::filesystem::path& path);

}  // namespace zoetrope::apps
