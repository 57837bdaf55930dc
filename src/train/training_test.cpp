// Whole trainings of tiny networks on the CPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "models/animate_unet/network.h"
#include "support/temporary_folder.h"
#include "train/animate_trainer.h"
#include "train/autoencoder_trainer.h"
#include "weights/checkpoint.h"
#include "weights/json_config.h"
#include "weights/json_lines.h"
#include "weights/random_source.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {
namespace {

using test_support::TemporaryFolder;

constexpr int64_t kSize = 32, kFrames = 4;

// Clips of one blob each that moves.
TrainingData tiny_data(int64_t clips) {
  TrainingData data;
  data.clips = at::full({clips, kFrames, kSize, kSize, 3}, 255, at::kByte);
  for (int64_t i = 0; i < clips; ++i) {
    for (int64_t f = 0; f < kFrames; ++f) {
      data.clips[i][f].narrow(0, 6 + 3 * f, 10).narrow(1, 4 + 2 * i, 12).fill_(40 * i);
    }
    data.train_clips.push_back(i);
    data.concept_of.push_back(i);
    data.captions.push_back("blob");
  }
  data.stills = data.clips.select(1, 0).clone();
  for (int64_t i = 0; i < clips; ++i) data.train_stills.push_back(i);
  data.prompts = at::randint(2, 30, {clips, 2, 6}, at::kLong);
  data.still_prompts = data.prompts;
  data.empty_prompt = at::zeros({6}, at::kLong);
  data.vocabulary = 32;
  return data;
}

models::AutoencoderKlConfig tiny_autoencoder() {
  auto config = bundled_autoencoder();
  config.block_out_channels = {8, 8, 16};
  return config;
}

AnimateTraining tiny_training(const std::filesystem::path& folder) {
  AnimateTraining o;
  o.loop.folder = folder;
  o.loop.report_every = 1;
  o.loop.seed = 5;
  o.batch = 2;
  o.unet = bundled_unet();
  o.unet.block_out_channels = {16, 16};
  o.unet.norm_num_groups = 4;
  o.unet.attention_head_dim = 8;
  o.unet.cross_attention_dim = 24;
  o.unet.position_size = 4;
  o.unet.position_frames = kFrames;
  o.unet.time_embed_dim = 16;
  o.unet.image_context_size = 4;
  o.unet.image_context_width = 8;
  o.text = bundled_text_encoder(32);
  o.text.max_position_embeddings = 6;
  o.text.encoder.hidden_size = 24;
  o.text.encoder.intermediate_size = 48;
  o.text.encoder.num_hidden_layers = 1;
  o.text.encoder.num_attention_heads = 2;
  o.cache.versions = 2;
  return o;
}

models::AutoencoderKl random_autoencoder() {
  weights::RandomSource source(9);
  return {weights::Scope(source), tiny_autoencoder()};
}

void train(const AnimateTraining& options, const TrainingData& data) {
  train_animate(options, data, random_autoencoder(), [](const std::string&) {}, {}, {});
}

std::vector<double> logged(const std::filesystem::path& folder, const std::string& figure) {
  std::vector<double> values;
  const auto lines = weights::read_json_lines(folder / "log.jsonl").value_or_throw();
  for (const auto& line : lines) values.push_back(line.require<double>(figure));
  return values;
}

double mean_of(const std::vector<double>& values, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += values[i];
  return sum / static_cast<double>(end - begin);
}

TEST(TrainingSlow, OverfitsOneClip) {
  const TemporaryFolder folder;
  AnimateTraining options = tiny_training(folder.path());
  options.loop.steps = 400;
  options.loop.warm_up_steps = 10;
  options.loop.learning_rate = 1e-2;
  options.cache.versions = 1;
  options.still_share = 0;
  options.drop_text = options.drop_image = options.drop_both = 0;
  train(options, tiny_data(1));
  const auto loss = logged(folder.path(), "v_mse");
  ASSERT_EQ(loss.size(), 400u);
  // A network that outputs zero stays where it is; one that has learnt the clip goes far below.
  EXPECT_LT(mean_of(loss, 370, 400), 0.5 * mean_of(loss, 0, 10));
}

TEST(Training, ResumedEqualsUninterruptedBitForBit) {
  const TemporaryFolder whole, parts;
  const TrainingData data = tiny_data(3);
  AnimateTraining options = tiny_training(whole.path());
  options.loop.steps = 6;
  train(options, data);

  options.loop.folder = parts.path();
  options.loop.save_every = 3;
  // Stop after three steps by a cancel that the step counter raises.
  const base::CancelToken cancel;
  const base::ProgressSink stop_at_three = [&](const base::Progress& p) {
    if (p.step == 3) cancel.cancel();
  };
  EXPECT_THROW(
      train_animate(
          options, data, random_autoencoder(), [](const std::string&) {}, stop_at_three, cancel),
      base::Error);
  train(options, data);

  const auto a = weights::load_tensors(whole.path() / "state.safetensors").value_or_throw();
  const auto b = weights::load_tensors(parts.path() / "state.safetensors").value_or_throw();
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a) EXPECT_TRUE(at::equal(value, b.at(name))) << name;
}

TEST(Training, WritesWeightsThatLoadAgain) {
  const TemporaryFolder folder;
  AnimateTraining options = tiny_training(folder.path());
  options.loop.steps = 2;
  train(options, tiny_data(2));
  const auto json =
      weights::JsonObject::read(folder.path() / "unet" / "config.json").value_or_throw();
  weights::CheckpointSource source(
      weights::Checkpoint::open(folder.path() / "unet").value_or_throw());
  const models::AnimateUnet unet(models::AnimateUnetConfig::from_json(json),
                                 weights::Scope(source));
  EXPECT_TRUE(source.expect_all_used().ok());
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "loss.png"));

  // And training may start from them.
  const TemporaryFolder next;
  AnimateTraining again = tiny_training(next.path());
  again.loop.steps = 1;
  again.initial_folder = folder.path();
  EXPECT_NO_THROW(train(again, tiny_data(2)));
}

TEST(Training, AutoencoderLearnsAndKeepsLatentStatistics) {
  const TemporaryFolder folder;
  TrainingData data = tiny_data(3);
  data.held_out_clips = {2};
  data.train_clips = {0, 1};
  AutoencoderTraining options;
  options.model = tiny_autoencoder();
  options.loop.folder = folder.path();
  options.loop.steps = 60;
  options.loop.warm_up_steps = 5;
  options.loop.learning_rate = 5e-3;
  options.loop.report_every = 1;
  options.loop.validate_every = 60;
  options.batch = 4;
  train_autoencoder(options, data, [](const std::string&) {}, {}, {});
  const auto l1 = logged(folder.path(), "l1");
  EXPECT_LT(mean_of(l1, 50, 60), 0.5 * l1.front());
  const auto json =
      weights::JsonObject::read(folder.path() / "vae" / "config.json").value_or_throw();
  EXPECT_EQ(json.require<std::vector<double>>("latents_std").size(), 4u);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "validation.png"));
}

TEST(Training, AStateOfAnotherNetworkIsRefused) {
  const TemporaryFolder folder;
  AnimateTraining options = tiny_training(folder.path());
  options.loop.steps = 1;
  train(options, tiny_data(1));
  options.unet.time_embed_dim = 24;
  options.loop.steps = 2;
  EXPECT_THROW(train(options, tiny_data(1)), base::Error);
}

}  // namespace
}  // namespace zoetrope::train
