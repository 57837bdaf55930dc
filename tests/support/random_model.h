// A complete model folder with random weights, in the layout of the bundled animate model but a
// thousandth of its size: for tests of everything that stands on a model.
#pragma once

#include <cstdint>
#include <filesystem>

namespace zoetrope::test_support {

// Pixels and frames of its clips.
inline constexpr int kRandomModelSize = 64;
inline constexpr int kRandomModelFrames = 6;

// Writes the folder (made if need be). The same seed gives the same bytes. Throws base::Error.
void write_random_model(const std::filesystem::path& folder, uint64_t seed = 1);

}  // namespace zoetrope::test_support
