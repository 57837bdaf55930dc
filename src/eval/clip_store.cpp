#include "eval/clip_store.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "weights/tensor_io.h"

namespace zoetrope::eval {
namespace {

const std::string* find(const std::map<std::string, std::string>& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

bool is_clip(const at::Tensor& t, int64_t dim) {
  return t.dim() == dim && t.scalar_type() == at::kByte && t.size(dim - 1) == 3;
}

base::Result<StoredClip> clip_of(const weights::SafetensorsFile& file) {
  const weights::TensorEntry* frames = file.find("frames");
  const weights::TensorEntry* own = file.find("own_first_frame");
  if (frames == nullptr || own == nullptr) {
    return base::data_loss(file.path() + ": not a clip of a comparison");
  }
  StoredClip clip{weights::tensor_of(file, *frames), weights::tensor_of(file, *own)};
  if (!is_clip(clip.frames, 4) || !is_clip(clip.own_first_frame, 3)) {
    return base::data_loss(file.path() + ": frames of an unexpected shape");
  }
  if (const auto* text = find(file.metadata(), "seconds")) clip.seconds = std::atof(text->c_str());
  if (const auto* text = find(file.metadata(), "made_on")) clip.made_on = *text;
  return clip;
}

}  // namespace

std::filesystem::path ClipStore::path(const std::string& configuration, int64_t item,
                                      uint64_t seed) const {
  return folder_ / configuration / fmt::format("{:04}-seed{}.safetensors", item, seed);
}

base::Result<StoredClip> ClipStore::read(const std::filesystem::path& path) const {
  ZT_ASSIGN_OR_RETURN(const auto file, weights::SafetensorsFile::open(path.string()));
  return clip_of(file);
}

std::optional<StoredClip> ClipStore::load(const std::filesystem::path& path,
                                          const std::string& request) const {
  const auto file = weights::SafetensorsFile::open(path.string());
  if (!file.ok()) return std::nullopt;
  const std::string* made_by = find(file->metadata(), "request");
  if (made_by == nullptr || *made_by != request) return std::nullopt;
  auto clip = clip_of(*file);
  return clip.ok() ? std::optional(std::move(*clip)) : std::nullopt;
}

base::Status ClipStore::save(const std::filesystem::path& path, const std::string& request,
                             const StoredClip& clip) const {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) {
    return base::invalid_argument(path.parent_path().string() + ": " + error.message());
  }
  return weights::save_tensors(path.string(),
                               {{"frames", clip.frames}, {"own_first_frame", clip.own_first_frame}},
                               {{"request", request},
                                {"seconds", fmt::format("{:.4f}", clip.seconds)},
                                {"made_on", clip.made_on}});
}

}  // namespace zoetrope::eval
