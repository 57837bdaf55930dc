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

namespace {

void add_blocks_to(const fs::path& component, int64_t count) {
  nlohmann::json config = read_json(component / "config.json");
  const std::string name = config.at("_class_name");
  const bool one_kind = name.starts_with("Wan"), hidream = name.starts_with("HiDream");
  const std::string prefix = one_kind  ? "blocks."
                             : hidream ? "single_stream_blocks."
                                       : "single_transformer_blocks.";
  const std::string key = one_kind ? "num_layers" : "num_single_layers";
  const int64_t before = config.at(key);
  const fs::path file = component / "diffusion_pytorch_model.safetensors";
  weights::ParameterMap parameters = weights::load_tensors(file).value_or_throw();
  for (auto& [parameter, value] : parameters) value = value.clone();  // the file is replaced
  const weights::ParameterMap old = parameters;
  const auto copies = [&](const std::string& from, int64_t first) {
    for (const auto& [parameter, value] : old) {
      if (!parameter.starts_with(from + "0.")) continue;
      const std::string rest = parameter.substr(from.size() + 1);
      for (int64_t i = 0; i < count; ++i) {
        parameters[from + std::to_string(first + i) + rest] =
            value * (1 + 0.02 * static_cast<double>(i + 1));
      }
    }
  };
  copies(prefix, before);
  config[key] = before + count;
  if (hidream) {
    // One projection a block, and behind them that of the other text.
    const auto blocks = static_cast<int64_t>(config.at("llama_layers").size());
    const std::string projection = "caption_projection.";
    parameters[projection + std::to_string(blocks + count) + ".linear.weight"] =
        parameters.at(projection + std::to_string(blocks) + ".linear.weight");
    copies(projection, blocks);
    for (int64_t i = 0; i < count; ++i) config["llama_layers"].push_back(0);
  }
  const base::Status saved = weights::save_tensors(file, parameters);
  if (!saved.ok()) throw base::Error(saved);
  std::ofstream(component / "config.json") << config;
}

}  // namespace

void add_blocks(const fs::path& folder, int64_t count) {
  for (const char* component : {"transformer", "transformer_2"}) {
    if (fs::exists(folder / component)) add_blocks_to(folder / component, count);
  }
}

}  // namespace zoetrope::test_support
