#include "pipeline/offload.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/status.h"
#include "pipeline/offloaded_blocks.h"

namespace zoetrope::pipeline {
namespace {

// What Denoiser::condition runs of a block, before its turn: the keys and values of a text.
constexpr std::array<std::string_view, 4> kConditioning = {
    ".attn2.to_k.", ".attn2.to_v.", ".attn2.add_k_proj.", ".attn2.add_v_proj."};

// Takes from another source; what blocks keep goes where `keep` says.
class PlacingSource final : public weights::ParameterSource {
 public:
  using Keep = std::function<at::Tensor(const std::string& block, const at::Tensor& made)>;
  PlacingSource(weights::ParameterSource& from, Keep keep) : from_(from), keep_(std::move(keep)) {}

  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override {
    return from_.take(name, shape, init);
  }
  bool has(const std::string& name) const override { return from_.has(name); }
  tensor::WeightFormat format_of(const std::string& path) const override {
    return from_.format_of(path);
  }
  at::Tensor keep(const std::string& path, const at::Tensor& made) override {
    const auto block = streamed_block(path);
    return block ? keep_(*block, made) : from_.keep(path, made);
  }

 private:
  weights::ParameterSource& from_;
  Keep keep_;
};

class OffloadedDenoiser final : public models::Denoiser {
 public:
  OffloadedDenoiser(std::unique_ptr<OffloadedBlocks> blocks,
                    std::unique_ptr<models::Denoiser> network)
      : blocks_(std::move(blocks)), network_(std::move(network)) {}

  models::DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                         const LatentShape& latents) const override {
    return network_->condition(inputs, latents);
  }
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const models::DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override {
    base::require(stack == nullptr, "offloaded blocks run in no other stack");
    return network_->forward(sample, timestep, conditioning, blocks_.get());
  }

 private:
  std::unique_ptr<OffloadedBlocks> blocks_;
  std::unique_ptr<models::Denoiser> network_;  // its weights are views of the blocks' slots
};

int64_t total(const std::vector<int64_t>& bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0});
}

}  // namespace

int64_t OffloadPlan::device_bytes() const {
  int64_t bytes = 2 * slot_bytes;
  for (size_t i = 0; i < block_bytes.size(); ++i) {
    if (resident[i]) bytes += block_bytes[i];
  }
  return bytes;
}

namespace {

// `resident` of the blocks stay, evenly spaced; the others share two slots.
OffloadPlan spread(const std::vector<int64_t>& block_bytes, size_t resident) {
  const size_t count = block_bytes.size();
  OffloadPlan plan{block_bytes, std::vector<bool>(count), 0};
  for (size_t i = 0; i < count; ++i) {
    plan.resident[i] = (i + 1) * resident / count > i * resident / count;
    if (!plan.resident[i]) plan.slot_bytes = std::max(plan.slot_bytes, block_bytes[i]);
  }
  return plan;
}

}  // namespace

std::optional<OffloadPlan> plan_offload(const std::vector<int64_t>& block_bytes,
                                        int64_t budget_bytes) {
  for (size_t left = block_bytes.size() + 1; left > 0; --left) {
    OffloadPlan plan = spread(block_bytes, left - 1);
    if (plan.device_bytes() <= budget_bytes) return plan;
  }
  return std::nullopt;
}

// Not always that of the fewest residents: where a large block is one, its slots need not be large.
int64_t least_offload_bytes(const std::vector<int64_t>& block_bytes) {
  int64_t least = total(block_bytes);
  for (size_t resident = 0; resident < block_bytes.size(); ++resident) {
    least = std::min(least, spread(block_bytes, resident).device_bytes());
  }
  return least;
}

std::optional<std::string> streamed_block(const std::string& path) {
  constexpr std::string_view kBlocks = "blocks.";
  const size_t name = path.find(kBlocks);
  if (name == std::string::npos) return std::nullopt;
  const size_t number = name + kBlocks.size();
  const size_t end = path.find_first_not_of("0123456789", number);
  if (end == number || end == std::string::npos || path[end] != '.') return std::nullopt;
  const std::string inside = path.substr(end) + ".";
  for (const std::string_view layer : kConditioning) {
    if (inside.starts_with(layer)) return std::nullopt;
  }
  return path.substr(0, end);
}

std::vector<int64_t> block_bytes(const MakeDenoiser& make, weights::ParameterSource& meta) {
  std::vector<std::string> names;
  std::vector<int64_t> bytes;
  PlacingSource source(meta, [&](const std::string& block, const at::Tensor& made) {
    if (names.empty() || names.back() != block) {
      names.push_back(block);
      bytes.push_back(0);
    }
    bytes.back() += OffloadedBlocks::placed_bytes(made);
    return made;
  });
  make(source);
  return bytes;
}

std::unique_ptr<models::Denoiser> make_offloaded(const MakeDenoiser& make,
                                                 weights::ParameterSource& source,
                                                 const OffloadPlan& plan, at::Device device,
                                                 OffloadOptions options) {
  auto blocks = std::make_unique<OffloadedBlocks>(plan, device, options.poison_slots);
  std::string last;
  PlacingSource placing(source, [&](const std::string& block, const at::Tensor& made) {
    if (block != last) blocks->begin_block();
    last = block;
    return blocks->place(made);
  });
  auto network = make(placing);
  blocks->finish();
  return std::make_unique<OffloadedDenoiser>(std::move(blocks), std::move(network));
}

}  // namespace zoetrope::pipeline
