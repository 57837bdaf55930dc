#include "support/transformer_fixture.h"

#include <ATen/ATen.h>

#include <fstream>

#include "models/generated_source.h"
#include "weights/tensor_io.h"

namespace zoetrope::test_support {
namespace {

namespace fs = std::filesystem;

nlohmann::json read_json(const fs::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace

TransformerFixture::TransformerFixture(const std::string& name)
    : source_(fs::path(ZOETROPE_SOURCE_DIR "/tests/fixtures/pipeline/transformers") / name),
      case_(weights::load_tensors(source_ / "case.safetensors").value_or_throw()) {
  const nlohmann::json json = read_json(source_ / "case.json");
  request_ = json.at("request");
  tokenizers_ = json.at("tokenizers");
  scales_ = json.at("scales");
}

void TransformerFixture::write_weights(const fs::path& component, const fs::path& target) const {
  const nlohmann::json shapes = read_json(component / "parameters.json");
  models::GeneratedSource source(shapes, at::kFloat);
  const double scale = scales_.value(component.filename().string(), 1.0);
  weights::ParameterMap parameters;
  for (const auto& [name, shape] : shapes.items()) {
    parameters[name] = source.take(name, shape.get<std::vector<int64_t>>(), {}) * scale;
  }
  const bool transformers = component.filename().string().find("encoder") != std::string::npos;
  const base::Status saved = weights::save_tensors(
      target / (transformers ? "model.safetensors" : "diffusion_pytorch_model.safetensors"),
      parameters);
  if (!saved.ok()) throw base::Error(saved);
}

void TransformerFixture::write_model(const fs::path& folder) const {
  for (const auto& entry : fs::directory_iterator(source_)) {
    if (!entry.is_directory()) continue;
    const fs::path target = folder / entry.path().filename();
    fs::copy(entry.path(), target);
    if (fs::exists(entry.path() / "parameters.json")) write_weights(entry.path(), target);
    fs::remove(target / "parameters.json");
  }
  fs::copy(source_ / "model_index.json", folder / "model_index.json");
  for (const auto& [component, tokenizer] : tokenizers_.items()) {
    fs::copy(fs::path(ZOETROPE_SOURCE_DIR "/tests/fixtures") / tokenizer.get<std::string>(),
             folder / component);
  }
}

}  // namespace zoetrope::test_support
