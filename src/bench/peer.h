// Hugging Face diffusers on the same case, in a process of its own: bench/peers/diffusers_model.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/cancel.h"

namespace zoetrope::bench {

struct PeerOptions {
  std::filesystem::path script;
  std::string modes = "eager,cudnn";  // see the script
  std::string device;                 // "cpu", "cuda"
  std::string dtype;                  // "fp32", "bf16", "fp16"
  int runs = 5;
  bool exact = false;  // also a pass of its own in fp32, which takes twice the memory and its time
};

// What the peer says: its versions, and under `cases` and the case's name seconds and peak bytes a
// mode, and `difference`, the relative L2 distance of our result from its own (it draws the same
// weights and inputs, random_weights.h); with `exact` also `distance` and `peer_distance`, how far
// each is from the result in fp32. `result`: ours, channels last, as Subject::eager gives it. Runs
// the python3 of PATH, which needs diffusers. Throws base::Error: kUnavailable with what the peer
// wrote last.
nlohmann::json run_peer(const std::filesystem::path& case_file, const at::Tensor& result,
                        const PeerOptions& options, const base::CancelToken& cancel);

}  // namespace zoetrope::bench
