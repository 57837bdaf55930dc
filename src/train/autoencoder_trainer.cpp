#include "train/autoencoder_trainer.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "base/philox.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "tensor/noise.h"
#include "train/autoencoder_loss.h"
#include "train/model_folder.h"
#include "train/picture_grid.h"
#include "weights/random_source.h"

namespace zoetrope::train {
namespace {

constexpr double kMirrorShare = 0.5;
constexpr double kChannelShuffleShare = 0.25;
constexpr int64_t kIndicesPerPicture = 4;  // picture number, then a source channel for each channel
constexpr int64_t kEvaluationBatch = 64;

// All frames that training may draw, on the device, clips' frames first.
struct FramePool {
  at::Tensor frames;  // u8 [n, h, w, 3]
  int64_t from_clips = 0;
};

at::Tensor frames_of(const TrainingData& data, const std::vector<int64_t>& clips,
                     const std::vector<int64_t>& stills, at::Device device) {
  const at::Tensor c = data.clips.index_select(0, at::tensor(clips)).flatten(0, 1);
  const at::Tensor s = data.stills.index_select(0, at::tensor(stills));
  return at::cat({c, s}).to(device);
}

// Draws of one picture: stills get their share of the batch, whatever their number.
void draw_picture(uint64_t seed, uint64_t draw, const FramePool& pool, double still_share,
                  TrainStep::Draw& out) {
  const auto uniform = [&](uint64_t which) { return base::uniform_at(seed, which, draw); };
  const int64_t stills = pool.frames.size(0) - pool.from_clips;
  const bool still = stills > 0 && uniform(1) < still_share;
  const int64_t count = still ? stills : pool.from_clips;
  out.indices.push_back((still ? pool.from_clips : 0) + static_cast<int64_t>(uniform(2) * count));
  std::array<int64_t, 3> channels = {0, 1, 2};
  if (uniform(3) < kChannelShuffleShare) {
    std::swap(channels[0], channels[static_cast<int>(uniform(4) * 3)]);
    std::swap(channels[1], channels[1 + static_cast<int>(uniform(5) * 2)]);
  }
  out.indices.insert(out.indices.end(), channels.begin(), channels.end());
  out.scalars.push_back(uniform(6) < kMirrorShare ? 1.0f : 0.0f);
}

// The pictures of a step as fp32 [b, h, w, 3], mirrored and recoloured as drawn.
at::Tensor batch_pictures(const FramePool& pool, const StepInputs& inputs, int64_t batch) {
  const at::Tensor rows = inputs.indices.view({batch, kIndicesPerPicture});
  at::Tensor x = to_signed_unit(pool.frames.index_select(0, rows.select(1, 0)));
  const at::Tensor channels = rows.narrow(1, 1, 3).view({batch, 1, 1, 3}).expand_as(x);
  x = x.gather(3, channels);
  return at::where(inputs.scalars.view({batch, 1, 1, 1}) > 0, x.flip({2}), x);
}

}  // namespace

models::AutoencoderKlConfig bundled_autoencoder() {
  models::AutoencoderKlConfig c;
  c.block_out_channels = {32, 64, 128};
  c.layers_per_block = 1;
  c.latent_channels = 4;
  c.norm_num_groups = 4;
  c.use_quant_conv = false;
  c.use_post_quant_conv = false;
  c.mid_block_add_attention = false;
  c.scaling_factor = 1.0;
  return c;
}

namespace {

class AutoencoderTrainer {
 public:
  AutoencoderTrainer(const AutoencoderTraining& options, const TrainingData& data)
      : options_(options),
        pool_{frames_of(data, data.train_clips, data.train_stills, options.device),
              static_cast<int64_t>(data.train_clips.size()) * data.clips.size(1)},
        held_out_(frames_of(data, data.held_out_clips, data.held_out_stills, options.device)),
        parameters_(initial(), options.dtype, options.device),
        optimiser_(parameters_, {.beta2 = 0.99, .weight_decay = 1e-3}),
        leaves_(parameters_.leaves()),
        network_(weights::Scope(leaves_), options.model),
        step_(
            parameters_, optimiser_, [this](const StepInputs& in) { return loss(in); },
            options.batch * kIndicesPerPicture, options.batch) {}

  LoopOutcome run(const std::function<void(const std::string&)>& print,
                  const base::ProgressSink& progress, const base::CancelToken& cancel) {
    LoopCallbacks callbacks;
    callbacks.print = print;
    callbacks.figure_names = {"loss", "l1", "dissimilarity", "gradient_l1", "kl"};
    callbacks.draw = [this](int64_t step, TrainStep::Draw& draw) {
      for (int64_t i = 0; i < options_.batch; ++i) {
        draw_picture(options_.loop.seed, step * options_.batch + i, pool_, options_.still_share,
                     draw);
      }
    };
    callbacks.validate = [this](int64_t) { return validate(); };
    const LoopOutcome outcome = run_training(step_, parameters_, options_.loop, callbacks,
                                             options_.batch, progress, cancel);
    save();
    return outcome;
  }

 private:
  weights::ParameterMap initial() const {
    weights::RandomSource source(options_.loop.seed);
    const models::AutoencoderKl network(weights::Scope(source), options_.model);
    return source.parameters();
  }

  std::vector<at::Tensor> loss(const StepInputs& inputs) {
    const at::Tensor x = batch_pictures(pool_, inputs, options_.batch);
    const auto moments = network_.encode(x.to(options_.dtype));
    const at::Tensor mean = moments.mean.to(at::kFloat), logvar = moments.logvar.to(at::kFloat);
    at::Tensor noise = at::empty_like(mean, at::MemoryFormat::Contiguous);
    tensor::gaussian_noise_(noise, inputs.noise_key);
    const at::Tensor z = mean + (0.5 * logvar).exp() * noise;
    const at::Tensor y = network_.decode(z.to(options_.dtype)).to(at::kFloat);
    const at::Tensor l1 = (x - y).abs().mean();
    const at::Tensor dissimilarity = 1.0 - ssim_map(x, y).mean();
    const at::Tensor gradient = gradient_l1(x, y);
    const at::Tensor kl = kl_to_unit_gaussian(mean, logvar);
    const at::Tensor total = l1 + options_.ssim_weight * dissimilarity +
                             options_.gradient_weight * gradient + options_.kl_weight * kl;
    return {total, l1, dissimilarity, gradient, kl};
  }

  // The EMA weights as a network of the compute dtype.
  models::AutoencoderKl averaged() {
    average_ = parameters_.views(optimiser_.ema().to(options_.dtype));
    MapSource source(average_);
    return {weights::Scope(source), options_.model};
  }

  std::map<std::string, double> validate() {
    if (held_out_.size(0) == 0) return {};
    const c10::InferenceMode inference;
    const models::AutoencoderKl network = averaged();
    std::vector<at::Tensor> psnrs, ssims, pictures;
    for (const at::Tensor& part : held_out_.split(kEvaluationBatch)) {
      const at::Tensor x = to_signed_unit(part);
      const at::Tensor y =
          network.decode(network.encode(x.to(options_.dtype)).mean).to(at::kFloat).clamp(-1.0, 1.0);
      psnrs.push_back(psnr(x, y));
      ssims.push_back(ssim_map(x, y).mean({1, 2, 3}));
      if (pictures.size() < 2) {
        pictures.push_back(to_pixels(x).slice(0, 0, 12));
        pictures.push_back(to_pixels(y).slice(0, 0, 12));
      }
    }
    write_picture_grid(options_.loop.folder + "/validation.png", pictures);
    return {{"held_out_psnr", at::cat(psnrs).mean().item<double>()},
            {"held_out_ssim", at::cat(ssims).mean().item<double>()}};
  }

  // Latent statistics over the training clips' frames (every few, which is plenty).
  void save() {
    const c10::InferenceMode inference;
    const models::AutoencoderKl network = averaged();
    std::vector<at::Tensor> means;
    const int64_t stride = std::max<int64_t>(1, pool_.from_clips / 4096);
    const at::Tensor sample = pool_.frames.slice(0, 0, pool_.from_clips, stride);
    for (const at::Tensor& part : sample.split(kEvaluationBatch)) {
      means.push_back(network.encode(to_signed_unit(part).to(options_.dtype))
                          .mean.to(at::kFloat)
                          .flatten(0, 2));
    }
    const at::Tensor all = at::cat(means);
    models::AutoencoderKlConfig config = options_.model;
    for (int64_t c = 0; c < config.latent_channels; ++c) {
      config.latents_mean.push_back(all.select(1, c).mean().item<double>());
      config.latents_std.push_back(all.select(1, c).std().item<double>());
    }
    save_component(options_.loop.folder + "/vae", "diffusion_pytorch_model.safetensors",
                   config.to_json(), parameters_.views(optimiser_.ema()));
  }

  AutoencoderTraining options_;
  FramePool pool_;
  at::Tensor held_out_;
  FlatParameters parameters_;
  FlatAdamW optimiser_;
  MapSource leaves_;
  models::AutoencoderKl network_;
  weights::ParameterMap average_;
  TrainStep step_;
};

}  // namespace

LoopOutcome train_autoencoder(const AutoencoderTraining& options, const TrainingData& data,
                              const std::function<void(const std::string&)>& print,
                              const base::ProgressSink& progress, const base::CancelToken& cancel) {
  return AutoencoderTrainer(options, data).run(print, progress, cancel);
}

}  // namespace zoetrope::train
