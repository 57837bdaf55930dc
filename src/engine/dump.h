// Values of a run on disk, so that it can be checked against another implementation, and starting
// noise from disk.
#pragma once

#include <filesystem>

#include "engine/api/request.h"
#include "pipeline/graph.h"

namespace zoetrope::engine {

// Makes the folder, or says why it cannot be written into. Before any work.
base::Status prepare_dump(const std::filesystem::path& folder);

// Writes noise.safetensors (noise), conditioning.safetensors (what the encoders made: text,
// negative_text, image_latents, ...), latents.safetensors (latents, trajectory) and request.json.
// Of a run with one result: noise [f, h, w, c].
base::Status write_dump(const std::filesystem::path& folder, const ResolvedRequest& request,
                        uint64_t seed, const at::Tensor& noise, const pipeline::BundleMap& bundles);

// The tensor "noise" of a safetensors file, [f, h, w, c] of exactly `shape`, as fp32. Throws
// base::Error naming the file.
at::Tensor read_noise(const std::filesystem::path& file, at::IntArrayRef shape);

}  // namespace zoetrope::engine
