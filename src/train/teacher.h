// The model folder a student learns from, loaded for training: the U-Net and the text encoder on
// one set of parameters, and the autoencoder.
#pragma once

#include <string>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "train/animate_networks.h"
#include "train/flat_parameters.h"
#include "weights/parameters.h"

namespace zoetrope::train {

// The parameters of components of a model folder, each name with its component before it
// ("unet.conv_in.weight").
weights::ParameterMap load_parameters(const std::string& folder,
                                      const std::vector<std::string>& components,
                                      at::ScalarType dtype, at::Device device);

struct Teacher {
  // Throws base::Error naming the file.
  Teacher(const std::string& folder, at::ScalarType dtype, at::Device device);
  Teacher(const Teacher&) = delete;
  Teacher& operator=(const Teacher&) = delete;

  models::AnimateUnetConfig unet_config;
  weights::ParameterMap parameters;  // "unet." and "text_encoder."
  MapSource source;
  AnimateNetworks networks;
  models::AutoencoderKl autoencoder;
};

// A folder's autoencoder: FOLDER/config.json and weights.
models::AutoencoderKl load_autoencoder(const std::string& folder, at::ScalarType dtype,
                                       at::Device device);

}  // namespace zoetrope::train
