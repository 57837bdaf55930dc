// Small files written whole: a reader sees the old one or the new one. Any thread, one writer a
// path.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::traffic::control {

// kNotFound where there is none; a file of more than 256 MB is refused.
base::Result<std::string> read_small_file(const std::filesystem::path& path);

// Written beside `path` under another name, flushed to the disk, renamed into place. The rename is
// what Envoy's path_config_source watches for.
base::Status replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace zoetrope::traffic::control
