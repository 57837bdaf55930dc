#include "pipeline/model_index.h"

#include <c10/util/accumulate.h>

#include <fstream>
#include <sstream>

#include "base/status.h"
#include "diffusion/scheduler_config.h"
#include "pipeline/components.h"
#include "pipeline/transformer_model.h"
#include "weights/tensor_io.h"

namespace zoetrope::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::CheckpointSource;
using weights::JsonObject;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw base::Error(base::not_found(path.string() + ": no such file"));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

at::ScalarType file_dtype(const std::set<at::ScalarType>& dtypes) {
  for (const at::ScalarType dtype : dtypes) {
    if (at::isFloatingType(dtype)) return dtype;
  }
  return at::kFloat;
}

ComponentCheck check(const ModelIndex& index, const ComponentLoader& loader) {
  ComponentCheck check;
  check.name = loader.name;
  try {
    const auto checkpoint = weights::Checkpoint::open(index.folder / loader.name).value_or_throw();
    std::set<at::ScalarType> dtypes;
    for (const std::string& tensor : checkpoint.names()) {
      const weights::TensorEntry& entry = checkpoint.entry(tensor);
      check.parameters += c10::multiply_integers(entry.shape);
      dtypes.insert(weights::scalar_type_of(entry.type));
    }
    check.dtypes.assign(dtypes.begin(), dtypes.end());
    check.bytes = checkpoint.total_bytes();
    // On meta the weights stay on the disk: layers that join theirs would copy them.
    CheckpointSource source(checkpoint, file_dtype(dtypes), at::kMeta);
    loader.build(source);
    check.unused = source.unused();
    std::erase_if(check.unused, [&](const auto& name) { return loader.left_out.contains(name); });
  } catch (const base::Error& error) {
    check.problem = error.what();
  }
  return check;
}

}  // namespace

bool ModelIndex::has(const std::string& component) const {
  return json.is_list_of_strings(component);
}

JsonObject ModelIndex::config(const std::string& component, const char* file) const {
  return JsonObject::read(folder / component / file).value_or_throw();
}

CheckpointSource ModelIndex::source(const std::string& component, at::ScalarType dtype,
                                    at::Device device) const {
  return CheckpointSource(weights::Checkpoint::open(folder / component).value_or_throw(), dtype,
                          device);
}

std::unique_ptr<const diffusion::Scheduler> ModelIndex::scheduler(
    const std::string& component) const {
  const fs::path path = folder / component / "scheduler_config.json";
  try {
    return diffusion::parse_scheduler(read_text(path));
  } catch (const base::Error& error) {
    if (error.status().code() == base::StatusCode::kNotFound) throw;
    throw base::Error(error.status().with_context(path.string()));
  }
}

ModelIndex read_model_index(const fs::path& folder) {
  JsonObject json = JsonObject::read(folder / "model_index.json").value_or_throw();
  ModelIndex index{folder, json, json.require<std::string>("_class_name")};
  index.recipe = find_recipe(index.class_name);
  index.transformer = find_transformer_recipe(index.class_name);
  if (index.recipe != nullptr || index.transformer != nullptr) return index;
  std::string known;
  for (const auto& names : {recipe_names(), transformer_recipe_names()}) {
    for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  }
  throw base::Error(
      base::StatusCode::kUnimplemented,
      json.source() + ": no pipeline called '" + index.class_name + "'; there are: " + known);
}

std::vector<ComponentLoader> component_loaders(const ModelIndex& index) {
  return index.recipe != nullptr ? animate_component_loaders(index)
                                 : transformer_component_loaders(index);
}

int64_t weight_bytes(const ModelIndex& index, at::ScalarType dtype) {
  int64_t elements = 0;
  for (const ComponentLoader& loader : component_loaders(index)) {
    const auto checkpoint = weights::Checkpoint::open(index.folder / loader.name).value_or_throw();
    for (const std::string& tensor : checkpoint.names()) {
      if (loader.left_out.contains(tensor)) continue;
      elements += c10::multiply_integers(checkpoint.entry(tensor).shape);
    }
  }
  return elements * static_cast<int64_t>(c10::elementSize(dtype));
}

std::vector<ComponentCheck> check_components(const ModelIndex& index) {
  std::vector<ComponentCheck> checks;
  for (const ComponentLoader& loader : component_loaders(index)) {
    checks.push_back(check(index, loader));
  }
  return checks;
}

}  // namespace zoetrope::pipeline
