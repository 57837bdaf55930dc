// TransformerRecipe: what distinguishes one diffusion transformer's pipeline from another, as data:
// which encoders make which inputs of the network, what decodes, how guidance and the time shift
// work. Found by `_class_name` of model_index.json.
//
// Bundles on the edges (shapes without a batch dimension belong to one request, n counts its
// results):
//   prompt   text, negative_text
//   picture  pixels u8 [h, w, 3]; num_frames, width, height
//   noise    noise fp32 [n, f, h, w, c]; steps, text_guidance, true_cfg_scale, strength,
//            keep_trajectory
//   text_encoder, text_encoder_2, ...
//            the input they make and negative_ that, [1, ...]; tokens, truncated, and the same of
//            the negative one
//   image    of a picture: image [1, f, h, w, c], what the network is told of it, or
//            image_latents fp32 [f, h, w, c], what the noise is laid over
//   embedding  image_embeddings [1, n, c]
//   clip     latents fp32 [n, f, h, w, c] and, if asked for, trajectory [n, steps, f, h, w, c]
//   frames   frames u8 [n, f, h, w, 3]
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pipeline/graph.h"
#include "tensor/weight_format.h"

namespace zoetrope::pipeline {

struct TextEncoderSpec {
  enum class Kind {
    kClipPooled,   // CLIP's state at the end token, projected where the checkpoint has a projection
    kClipStates,   // what CLIP's last layer is given; and `pooled`, as above
    kT5,           // every state; the padding is text like the rest
    kMaskedT5,     // the padding is not attended to
    kZeroedT5,     // nor are its states kept: zeros take their place
    kLlamaStates,  // the states after each layer; the padding is not attended to
  };
  Kind kind;
  std::string component;  // the folder, and the role's name: "text_encoder_2"
  std::string tokenizer;  // the folder
  int max_tokens;         // the prompt is padded to this
  std::string input;      // of the network; parts of one input are joined along the last dimension
  std::string pooled = {};  // of kClipStates: the second input
  bool cleaned = false;     // HTML entities and runs of blanks in the prompt are resolved first
};

struct TransformerRecipe {
  enum class Autoencoder {
    kPictures,     // AutoencoderKL
    kCausalVideo,  // AutoencoderKLWan
  };
  enum class Shift {
    kNone,           // the scheduler's own
    kPictureTokens,  // mu grows with the number of tokens (diffusers: calculate_shift)
    kMostTokens,     // the same for the most tokens the network takes, whatever the picture
  };
  // What a picture is for.
  enum class Picture {
    kNone,
    kStart,       // its latents, noised, are where denoising begins
    kFirstFrame,  // the network is told of it
  };

  std::string class_name;
  std::vector<TextEncoderSpec> text_encoders;
  Autoencoder autoencoder = Autoencoder::kPictures;
  Shift shift = Shift::kNone;
  Picture picture = Picture::kNone;

  int width = 1024;
  int height = 1024;
  int num_frames = 1;
  int fps = 16;
  int steps = 50;
  double text_guidance = 5.0;

  // The formats of the denoiser's linear layers that pass for the checkpoint's own precision: the
  // decision, and the numbers behind it, are in docs/quantisation.md.
  std::set<tensor::WeightFormat> lossless = {tensor::WeightFormat::kPlain};

  bool makes_video() const { return autoencoder == Autoencoder::kCausalVideo; }
};

// Null where there is none of that name.
const TransformerRecipe* find_transformer_recipe(const std::string& class_name);
std::vector<std::string> transformer_recipe_names();

// The roles of a recipe and how they are joined; `from_picture` with those that read one.
// `embedding`: the model has an image encoder.
Graph transformer_graph(const TransformerRecipe& recipe, bool from_picture, bool embedding);

}  // namespace zoetrope::pipeline
