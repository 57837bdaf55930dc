// Offload: networks larger than their device. The linear weights of some blocks wait in host memory
// and take turns in two slots on the device; while one block runs, the next but one is copied on a
// stream of its own. Blocks that the budget has room for stay, spread evenly among the others, so
// that there is time for every copy. A run gives the same bytes as without.
//
// A network's blocks are what its weights' names call so: "transformer_blocks.7.", "blocks.7.", in
// the order in which they are made and run (nn::BlockStack).
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/denoiser.h"
#include "nn/block_stack.h"
#include "weights/parameters.h"

namespace zoetrope::pipeline {

// Where each block's weights live.
struct OffloadPlan {
  std::vector<int64_t> block_bytes;
  std::vector<bool> resident;
  int64_t slot_bytes = 0;  // of each of two slots; 0: every block is resident

  // Of the blocks' weights on the device.
  int64_t device_bytes() const;
};

// As many resident blocks as `budget_bytes` has room for beside the slots; absent: not even two
// slots fit.
std::optional<OffloadPlan> plan_offload(const std::vector<int64_t>& block_bytes,
                                        int64_t budget_bytes);
// The least budget that there is a plan for.
int64_t least_offload_bytes(const std::vector<int64_t>& block_bytes);

// A block's name, "blocks.7", where `path` is a layer of it that only its own run needs.
std::optional<std::string> streamed_block(const std::string& path);

// Bytes of what each block keeps, in the order of the blocks: from making the network once out of
// meta tensors. `make` is given the source to make it from.
using MakeDenoiser =
    std::function<std::unique_ptr<models::Denoiser>(weights::ParameterSource& source)>;
std::vector<int64_t> block_bytes(const MakeDenoiser& make, weights::ParameterSource& meta);

struct OffloadOptions {
  bool poison_slots = false;  // for tests: what is left of a block is overwritten before the next
};

// The network that `make` makes, with its blocks placed by the plan, which must be of the same
// network. Belongs to one thread at a time; its passes run to their end.
std::unique_ptr<models::Denoiser> make_offloaded(const MakeDenoiser& make,
                                                 weights::ParameterSource& source,
                                                 const OffloadPlan& plan, at::Device device,
                                                 OffloadOptions options = {});

}  // namespace zoetrope::pipeline
