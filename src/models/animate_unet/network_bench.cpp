// Times of the bundled U-Net's forward pass and of the autoencoder's decoding, bf16 on the CPU,
// with random weights. OMP_NUM_THREADS sets the threads; on a busy machine compare the CPU column
// of one thread.
#include "models/animate_unet/network.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "ops/host_memory.h"
#include "weights/json_config.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

constexpr int64_t kFrames = 16;

weights::JsonObject config_of(const char* part) {
  return weights::JsonObject::read(std::string(ZOETROPE_SOURCE_DIR "/models/animate/") + part +
                                   "/config.json")
      .value_or_throw();
}

void forward(benchmark::State& state) {
  weights::RandomSource source(1, at::kBFloat16);
  const auto config = AnimateUnetConfig::from_json(config_of("unet"));
  const AnimateUnet unet(config, weights::Scope(source));
  const c10::InferenceMode inference;
  const int64_t b = state.range(0);
  const auto random = [](at::IntArrayRef sizes) { return at::randn(sizes, at::kBFloat16); };
  const std::vector<int64_t> clip = {b, kFrames, 32, 32, config.in_channels};
  const auto conditioning = unet.condition({.text = random({b, 24, config.cross_attention_dim}),
                                            .image_latents = random(clip),
                                            .image_embeddings = {},
                                            .fps = at::full({b}, 50.0)});
  const at::Tensor x = random(clip), timestep = at::full({b}, 500.0);
  for (auto _ : state) benchmark::DoNotOptimize(unet.forward(x, timestep, conditioning).data_ptr());
}

void decode(benchmark::State& state) {
  weights::RandomSource source(1, at::kBFloat16);
  const auto config = AutoencoderKlConfig::from_json(config_of("vae"));
  const AutoencoderKl vae(weights::Scope(source), config);
  const c10::InferenceMode inference;
  const at::Tensor latents =
      at::randn({state.range(0), 32, 32, config.latent_channels}, at::kBFloat16);
  for (auto _ : state) benchmark::DoNotOptimize(vae.decode(latents).data_ptr());
}

BENCHMARK(forward)->Arg(1)->Arg(3)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(decode)->Arg(15)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace
}  // namespace zoetrope::models

int main(int argc, char** argv) {
  zoetrope::ops::keep_freed_memory();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
