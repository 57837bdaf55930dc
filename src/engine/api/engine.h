// The engine as everyone above it sees it: plain C++, no torch. One Engine holds one model on one
// device; any thread may call it. Requests in flight at the same time share denoising steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "engine/api/request.h"
#include "media/image.h"

namespace zoetrope::engine {

// Of what will be asked for at most; the model's own where absent.
struct ExpectedSize {
  std::optional<int> width, height, num_frames;
};

struct EngineOptions {
  std::string device = "auto";  // "auto", "cpu", "cuda", "cuda:N"
  std::string dtype = "auto";   // "auto", "fp32", "bf16", "fp16"
  // Of a transformer's linear layers: "auto", "bf16" (as dtype says), "fp8", "int8", "int4".
  std::string precision = "auto";
  // "exact", or "fp8": faster where a Hopper GPU attends over 2,048 tokens or more.
  std::string attention = "exact";
  int threads = 0;  // of the CPU; 0 = one a core
  int64_t memory_limit_bytes =
      0;                       // refuse what is predicted to need more; 0 = what the machine has
  int max_batch = 4;           // requests that share one denoising step
  ExpectedSize expected = {};  // weights are placed so that results of this size fit
};

struct StageTime {
  std::string stage;  // "text_encode", "image_encode", "denoise", "decode", ...
  double seconds = 0;
};

struct ClipResult {
  std::vector<media::Image> frames;  // of kImageToImage one
  media::Image own_first_frame;      // of the size the model makes; empty unless asked for
  int fps = 0;
  uint64_t seed = 0;
  int steps = 0;
  Tier tier = Tier::kLossless;  // what ran: kTurbo where precision or attention is not lossless
  std::string precision;        // of the linear layers: the engine's dtype, "fp8", "int8", "int4"
  std::string attention;        // "exact", "fp8"
  std::vector<StageTime> timings;
  int64_t peak_memory_bytes = 0;      // of the process; where a GPU is used, of its tensors
  int64_t reserved_memory_bytes = 0;  // of a GPU: what the allocator took of it at most
  std::vector<std::string> warnings;  // one line each: "the prompt was cut to 24 tokens", ...
};

// What watches and stops a request. The callbacks run on the engine's threads, one at a time for a
// request, and must be quick.
struct Watch {
  base::ProgressSink progress = {};
  // A contact sheet of the clip as the model sees it now, after each step. Costs time if set.
  std::function<void(const media::Image&)> preview = {};
  // Asked before each preview whether anybody looks; empty means yes.
  std::function<bool()> wants_preview = {};
  base::CancelToken cancel = {};
};

struct MemoryPlan {
  struct Part {
    std::string name;
    int64_t bytes = 0;
  };
  std::vector<Part> components;  // weights, in the engine's dtype
  std::vector<Part> roles;       // most tensors that live at one time while each runs
  int64_t weight_bytes = 0;      // of all components
  int64_t fixed_bytes = 0;       // the process without a model: libraries and their start-up
  int64_t peak_bytes = 0;        // predicted highest use, everything included
  int64_t limit_bytes = 0;       // what may be used
  bool branches_apart = false;   // a guided step takes a pass for each branch, not one for all
  int64_t decode_tile = 0;       // latents along a side of the tiles that are decoded; 0: whole
  bool fits() const { return peak_bytes <= limit_bytes; }
};

class Engine {
 public:
  // kNotFound, kDataLoss: the model's files, named. kFailedPrecondition: device not there.
  // kResourceExhausted: the model does not fit. kInvalidArgument: an option.
  static base::Result<std::unique_ptr<Engine>> open(const std::filesystem::path& model_folder,
                                                    const EngineOptions& options = {});
  virtual ~Engine() = default;

  virtual const ModelDefaults& defaults() const = 0;
  virtual std::string device() const = 0;  // "cpu", "cuda:0"
  virtual std::string dtype() const = 0;   // "fp32", "bf16", "fp16"
  virtual MemoryPlan plan(const ResolvedRequest& request) const = 0;

  // Blocks until the clip is there. kInvalidArgument names the field, kCancelled within one step of
  // a cancel, kResourceExhausted before any work if it will not fit.
  virtual base::Result<ClipResult> generate(const Request& request, const Watch& watch = {}) = 0;

  // The same for each of the seeds, in their order, the request's own left out: `take` is given
  // every result as soon as it is there, and ends the rest with anything but ok. Progress is that
  // of all of them. Here one after the other; an engine may do better, with the same results.
  using Take = std::function<base::Status(ClipResult)>;
  virtual base::Status generate_each(const Request& request, std::span<const uint64_t> seeds,
                                     const Watch& watch, const Take& take);
};

}  // namespace zoetrope::engine
