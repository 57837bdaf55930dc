#include "bench/model_case.h"

#include <ATen/ATen.h>

#include <utility>

#include "base/status.h"
#include "bench/random_weights.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"
#include "models/denoiser.h"
#include "pipeline/network_runner.h"
#include "weights/quantising_source.h"

namespace zoetrope::bench {
namespace {

using weights::JsonObject;
using weights::Scope;

std::vector<int64_t> rows_of(int64_t rows, std::vector<int64_t> sizes) {
  sizes.insert(sizes.begin(), rows);
  return sizes;
}

struct Denoising {
  Denoising(const ModelCase& model, weights::ParameterSource& source, at::TensorOptions options)
      : network(models::make_denoiser(model.config, Scope(source))),
        runner(options.device(), pipeline::Launch::kRecorded),
        sample(named_normal("latents", rows_of(model.rows, model.latents), 1, options)),
        timestep(at::full({model.rows}, 500.0, options.dtype(at::kFloat))) {
    weights::ParameterMap inputs;
    for (const auto& [name, sizes] : model.inputs) {
      // A number a row is a scale or a rate, fp32; anything longer is an embedding.
      inputs[name] = sizes.empty() ? at::full({model.rows}, 3.0, options.dtype(at::kFloat))
                                   : named_normal(name, rows_of(model.rows, sizes), 1, options);
    }
    const auto& s = model.latents;
    conditioning = network->condition(inputs, {s[0], s[1], s[2], s[3]});
  }

  std::unique_ptr<models::Denoiser> network;
  pipeline::NetworkRunner runner;
  at::Tensor sample, timestep;
  pipeline::Conditioning conditioning;
};

Subject denoising(const ModelCase& model, RandomWeights& source, tensor::WeightFormat format,
                  at::TensorOptions options) {
  weights::QuantisingSource quantising(source, {.format = format});
  const auto d = std::make_shared<Denoising>(model, quantising, options);
  return {
      source.bytes(), [d] { return d->network->forward(d->sample, d->timestep, d->conditioning); },
      [d] { return d->runner.forward(*d->network, d->sample, d->timestep, d->conditioning, 0); }};
}

template <class Autoencoder, class Config>
Subject decoding(const ModelCase& model, RandomWeights& source, at::TensorOptions options,
                 std::vector<int64_t> sizes) {
  const auto network =
      std::make_shared<Autoencoder>(Scope(source), Config::from_json(model.config));
  const at::Tensor latents = named_normal("latents", sizes, 1, options);
  return {source.bytes(), [network, latents] { return network->decode(latents); }, nullptr};
}

}  // namespace

ModelCase ModelCase::read(const std::filesystem::path& path) {
  const auto json = JsonObject::read(path.string());
  if (!json.ok()) throw base::Error(json.status());
  ModelCase model{.name = json->require<std::string>("name"),
                  .config = json->require<JsonObject>("config"),
                  .rows = json->get<int64_t>("rows", 1),
                  .latents = json->require<std::vector<int64_t>>("latents"),
                  .inputs = {}};
  if (model.latents.size() != 4) {
    throw base::Error(base::data_loss(path.string() + ": latents must be [f, h, w, c]"));
  }
  if (json->has("inputs")) {
    const auto inputs = json->require<JsonObject>("inputs");
    for (const std::string& name : inputs.keys()) {
      model.inputs[name] = inputs.require<std::vector<int64_t>>(name);
    }
  }
  return model;
}

Subject make_subject(const ModelCase& model, at::ScalarType dtype, tensor::WeightFormat format,
                     at::Device device) {
  const at::TensorOptions options = at::TensorOptions(dtype).device(device);
  RandomWeights source(options);
  const auto& s = model.latents;
  const auto kind = model.config.get<std::string>("_class_name", "");
  if (kind == "AutoencoderKL") {
    return decoding<models::AutoencoderKl, models::AutoencoderKlConfig>(
        model, source, options, {model.rows * s[0], s[1], s[2], s[3]});
  }
  if (kind == "AutoencoderKLWan") {
    return decoding<models::AutoencoderKlWan, models::AutoencoderKlWanConfig>(
        model, source, options, rows_of(model.rows, s));
  }
  return denoising(model, source, format, options);
}

}  // namespace zoetrope::bench
