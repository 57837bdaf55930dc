#include "train/teacher.h"

#include <ATen/ATen.h>

#include "weights/checkpoint.h"
#include "weights/json_config.h"

namespace zoetrope::train {

weights::ParameterMap load_parameters(const std::string& folder,
                                      const std::vector<std::string>& components,
                                      at::ScalarType dtype, at::Device device) {
  weights::ParameterMap parameters;
  for (const std::string& component : components) {
    const auto checkpoint = weights::Checkpoint::open(folder + "/" + component).value_or_throw();
    for (const std::string& name : checkpoint.names()) {
      parameters[component + "." + name] = checkpoint.tensor(name).to(device, dtype);
    }
  }
  return parameters;
}

models::AutoencoderKl load_autoencoder(const std::string& folder, at::ScalarType dtype,
                                       at::Device device) {
  const auto json = weights::JsonObject::read(folder + "/config.json").value_or_throw();
  weights::CheckpointSource source(weights::Checkpoint::open(folder).value_or_throw(), dtype,
                                   device);
  return {weights::Scope(source), models::AutoencoderKlConfig::from_json(json)};
}

Teacher::Teacher(const std::string& folder, at::ScalarType dtype, at::Device device)
    : unet_config(models::AnimateUnetConfig::from_json(
          weights::JsonObject::read(folder + "/unet/config.json").value_or_throw())),
      parameters(load_parameters(folder, {"unet", "text_encoder"}, dtype, device)),
      source(parameters),
      networks(
          source, unet_config,
          models::ClipTextConfig::from_json(
              weights::JsonObject::read(folder + "/text_encoder/config.json").value_or_throw())),
      autoencoder(load_autoencoder(folder + "/vae", dtype, device)) {}

}  // namespace zoetrope::train
