// A complete model folder with random weights, in the layout of the bundled animate model: for
// tests and measurements of everything that stands on a model.
#pragma once

#include <cstdint>
#include <filesystem>

namespace zoetrope::test_support {

// Pixels and frames of a tiny model's clips.
inline constexpr int kRandomModelSize = 64;
inline constexpr int kRandomModelFrames = 6;

enum class ModelSize {
  kTiny,     // a clip takes a tenth of a second
  kBundled,  // the shapes of the bundled model, so its memory and time
};

// Writes the folder (made if need be). The same arguments give the same bytes. Throws base::Error.
void write_random_model(const std::filesystem::path& folder, ModelSize size = ModelSize::kTiny,
                        uint64_t seed = 1);

// Gives a tiny random model a student of this many steps, with image guidance 1 to 2.5 and text
// guidance 1 to 5.
inline constexpr int kRandomStudentSteps = 2;
void add_random_student(const std::filesystem::path& folder);

}  // namespace zoetrope::test_support
