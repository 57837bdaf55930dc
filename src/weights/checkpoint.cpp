#include "weights/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/in_quotes.h"
#include "weights/json.h"
#include "weights/tensor_io.h"

namespace zoetrope::weights {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamesShown = 5;

// What a quantised checkpoint has beside an fp8 "x.weight": its scale, by one of two names, and
// what it thinks of the activations, which we measure. And a mark of its format.
constexpr std::array<std::string_view, 2> kWeightScales = {"scale_weight", "weight_scale"};
constexpr std::array<std::string_view, 2> kInputScales = {"scale_input", "input_scale"};
constexpr std::string_view kFp8Mark = "scaled_fp8";
constexpr std::string_view kWeight = "weight";

// Authors publish one file with a name of their own ("flux1-dev.safetensors"): it counts where it
// is the only one.
std::string only_safetensors(const fs::path& folder) {
  std::string found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".safetensors") continue;
    if (!found.empty()) return {};
    found = entry.path();
  }
  return found;
}

// The file that holds, or the index that lists, the weights in `folder`; empty if there is none.
std::string find_weights(const fs::path& folder) {
  for (const char* variant : {"", ".fp16"}) {
    for (const char* stem : {"diffusion_pytorch_model", "model"}) {
      for (const std::string& name : {fmt::format("{}{}.safetensors", stem, variant),
                                      fmt::format("{}.safetensors.index{}.json", stem, variant)}) {
        std::error_code ignored;
        if (fs::exists(folder / name, ignored)) return folder / name;
      }
    }
  }
  return only_safetensors(folder);
}

// A shard lies beside its index: a name with a folder in it could lead anywhere.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\\') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

base::Result<Checkpoint> Checkpoint::open(const std::string& path) {
  Checkpoint checkpoint(path);
  std::error_code error;
  std::string file = path;
  if (fs::is_directory(path, error)) {
    file = find_weights(path);
    if (file.empty()) {
      return base::not_found(fmt::format(
          "{}: no weights (diffusion_pytorch_model.safetensors or model.safetensors)", path));
    }
  }
  ZT_RETURN_IF_ERROR(file.ends_with(".json") ? checkpoint.add_shards(file)
                                             : checkpoint.add_file(file));
  return checkpoint;
}

base::Status Checkpoint::add_file(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::open(path));
  const auto file = std::make_shared<const SafetensorsFile>(std::move(opened));
  for (const TensorEntry& entry : file->tensors()) {
    const auto [at, added] = tensors_.try_emplace(entry.name, Located{file, &entry});
    if (!added) {
      return base::data_loss(fmt::format("{}: tensor {} is also in {}", path,
                                         base::in_quotes(entry.name), at->second.file->path()));
    }
  }
  return {};
}

base::Status Checkpoint::add_shards(const std::string& index_path) {
  const auto bad = [&](const std::string& why) { return base::data_loss(index_path + ": " + why); };
  ZT_ASSIGN_OR_RETURN(const nlohmann::json index, read_json_file(index_path));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return bad("no weight_map object");
  }
  const nlohmann::json& weight_map = index["weight_map"];
  std::set<std::string> shards;
  for (const auto& [name, shard] : weight_map.items()) {
    if (!shard.is_string())
      return bad("weight_map: the file of " + base::in_quotes(name) + " is no string");
    const auto& shard_name = shard.get_ref<const std::string&>();
    if (!is_plain_name(shard_name)) {
      return bad("weight_map: " + base::in_quotes(shard_name) +
                 " is not a file name beside the index");
    }
    shards.insert(shard_name);
  }

  const fs::path folder = fs::path(index_path).parent_path();
  for (const std::string& shard : shards) {
    const std::string shard_path = folder / shard;
    const base::Status status = add_file(shard_path);
    if (status.code() == base::StatusCode::kNotFound) {
      return bad("shard " + base::in_quotes(shard) + " is missing");
    }
    ZT_RETURN_IF_ERROR(status);
  }
  for (const auto& [name, shard] : weight_map.items()) {
    const auto at = tensors_.find(name);
    if (at == tensors_.end() ||
        fs::path(at->second.file->path()).filename() != shard.get_ref<const std::string&>()) {
      return bad(fmt::format("tensor {} is not in its shard {}", base::in_quotes(name),
                             base::in_quotes(shard.get_ref<const std::string&>())));
    }
  }
  return {};
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, located] : tensors_) names.push_back(name);
  return names;
}

const std::string& Checkpoint::file_of(const std::string& name) const {
  return tensors_.at(name).file->path();
}

at::Tensor Checkpoint::tensor(const std::string& name) const {
  const Located& located = tensors_.at(name);
  return tensor_of(*located.file, *located.entry);
}

std::int64_t Checkpoint::total_bytes() const {
  std::int64_t total = 0;
  for (const auto& [name, located] : tensors_) {
    total += static_cast<std::int64_t>(located.entry->bytes.size());
  }
  return total;
}

const TensorEntry& CheckpointSource::entry_for(const std::string& name) {
  if (!checkpoint_.has(name)) {
    throw base::Error(base::not_found(
        fmt::format("{}: no weight {}", checkpoint_.path(), base::in_quotes(name))));
  }
  used_.insert(name);
  return checkpoint_.entry(name);
}

// Of a meta weight nothing is read, whatever an unaligned file would have had copied.
at::Tensor CheckpointSource::stored(const std::string& name) const {
  if (!device_.is_meta()) return checkpoint_.tensor(name);
  const TensorEntry& entry = checkpoint_.entry(name);
  return at::empty(entry.shape, at::TensorOptions(at::kMeta).dtype(scalar_type_of(entry.type)));
}

// On a GPU in the GPU: the file's bytes are all that crosses the bus.
at::Tensor CheckpointSource::converted(const at::Tensor& stored) {
  const at::ScalarType dtype = stored.is_floating_point() ? dtype_ : stored.scalar_type();
  return device_.is_cuda() ? on_device(stored).to(dtype) : stored.to(device_, dtype);
}

at::Tensor CheckpointSource::on_device(const at::Tensor& stored) {
  if (!device_.is_cuda()) return stored.to(device_);
  if (!uploader_) uploader_.emplace(device_);
  return uploader_->upload(stored);
}

at::Tensor CheckpointSource::take(const std::string& name, at::IntArrayRef shape, const Init&) {
  const TensorEntry& entry = entry_for(name);
  if (at::IntArrayRef(entry.shape) != shape) {
    throw base::Error(base::data_loss(fmt::format(
        "{}: weight {} has shape [{}] where the model needs [{}]", checkpoint_.file_of(name),
        base::in_quotes(name), fmt::join(entry.shape, ", "), fmt::join(shape, ", "))));
  }
  return entry.shape.empty() ? converted(stored(name)) : rows_of(name, 0, entry.shape[0]);
}

// Undefined where the weight needs none.
at::Tensor CheckpointSource::scale_of(const std::string& name) {
  const TensorEntry& entry = checkpoint_.entry(name);
  const at::ScalarType type = scalar_type_of(entry.type);
  if (!at::isFloatingType(type) || c10::elementSize(type) > 1 || !name.ends_with(kWeight)) {
    return {};
  }
  const std::string stem = name.substr(0, name.size() - kWeight.size());
  for (const std::string_view input : kInputScales) used_.insert(stem + std::string(input));
  for (const std::string_view scale : kWeightScales) {
    const std::string scale_name = stem + std::string(scale);
    if (!checkpoint_.has(scale_name)) continue;
    used_.insert(scale_name);
    const at::Tensor value = stored(scale_name).flatten().to(at::kFloat);
    const std::int64_t rows = entry.shape[0];
    if (value.numel() == 1) return value.expand({rows});
    if (value.numel() == rows) return value;
    throw base::Error(base::data_loss(
        fmt::format("{}: {} has {} scales for the {} rows of {}", checkpoint_.file_of(name),
                    base::in_quotes(scale_name), value.numel(), rows, base::in_quotes(name))));
  }
  return {};
}

at::Tensor CheckpointSource::rows_of(const std::string& name, std::int64_t first,
                                     std::int64_t count) {
  const at::Tensor rows = stored(name).narrow(0, first, count);
  const at::Tensor scale = scale_of(name);
  if (!scale.defined()) return converted(rows);
  std::vector<std::int64_t> each_row(static_cast<std::size_t>(rows.dim()), 1);
  each_row.front() = count;
  const at::Tensor wide = on_device(rows).to(at::kFloat);
  return (wide * scale.narrow(0, first, count).view(each_row).to(device_)).to(dtype_);
}

at::Tensor CheckpointSource::take_rows(const std::string& name, std::int64_t first,
                                       at::IntArrayRef shape) {
  const at::IntArrayRef stored = entry_for(name).shape;
  if (stored.empty() || shape.empty() || stored.slice(1) != shape.slice(1) || first < 0 ||
      first > stored[0] - shape[0]) {
    throw base::Error(base::data_loss(
        fmt::format("{}: weight {} has shape [{}] where the model needs [{}] from row {}",
                    checkpoint_.file_of(name), base::in_quotes(name), fmt::join(stored, ", "),
                    fmt::join(shape, ", "), first)));
  }
  return rows_of(name, first, shape[0]);
}

std::vector<std::string> CheckpointSource::unused() const {
  std::vector<std::string> rest = checkpoint_.names();
  std::erase_if(rest, [this](const std::string& name) {
    return used_.contains(name) || name.ends_with(kFp8Mark);
  });
  return rest;
}

base::Status CheckpointSource::expect_all_used(const std::set<std::string>& allowed) const {
  std::vector<std::string> rest = unused();
  std::erase_if(rest, [&](const std::string& name) { return allowed.contains(name); });
  if (rest.empty()) return {};
  std::string shown;
  for (std::size_t i = 0; i < std::min(rest.size(), kNamesShown); ++i) {
    shown += (i > 0 ? ", " : "") + base::in_quotes(rest[i]);
  }
  return base::data_loss(fmt::format("{}: {} weights that the model does not use: {}{}",
                                     checkpoint_.path(), rest.size(), shown,
                                     rest.size() > kNamesShown ? ", ..." : ""));
}

}  // namespace zoetrope::weights
