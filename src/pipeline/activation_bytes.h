// How much memory a run of an animate model will take, before it takes it.
#pragma once

#include <cstdint>

#include "models/animate_unet/config.h"
#include "models/autoencoder_kl/config.h"
#include "pipeline/components.h"
#include "pipeline/model.h"

namespace zoetrope::pipeline {

// What decides the size of the activations of a run.
struct RunShape {
  models::AnimateUnetConfig unet;
  models::AutoencoderKlConfig vae;
  int64_t branches = 3;  // rows of the U-Net's batch
  int64_t frames = 16;
  int64_t width = 128;  // of the decoded frames
  int64_t height = 128;
  int64_t decode_chunk = 4;
  int64_t element_bytes = 4;
  bool keeps_blocks = false;  // block caching
};

RunShape run_shape(const Components& components, const RunSize& size);

// Upper bound of the tensors that live at one time besides the weights, made to be less than twice
// what is measured (activation_bytes_test.cpp).
int64_t predicted_activation_bytes(const RunShape& shape);

}  // namespace zoetrope::pipeline
