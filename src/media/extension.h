// Inside media: choosing a format by the extension of a path.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::media {

template <typename Format>
struct Extension {
  std::string_view text;  // with its dot, lower case
  Format format;
};

// "clip.MP4" to the entry ".mp4"; an error that lists the entries if there is none.
template <typename Format>
base::Result<Format> format_by_extension(const std::filesystem::path& path,
                                         std::span<const Extension<Format>> known) {
  std::string wanted = path.extension().string();
  std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string list;
  for (const Extension<Format>& entry : known) {
    if (entry.text == wanted) return entry.format;
    list += list.empty() ? "" : ", ";
    list += entry.text;
  }
  return base::invalid_argument(fmt::format(
      "{}: {}; use one of {}", path.string(),
      wanted.empty() ? "the name has no extension" : fmt::format("cannot write '{}' files", wanted),
      list));
}

}  // namespace zoetrope::media
