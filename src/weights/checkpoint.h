// The weights of one component ("unet/", "vae/", ...) of a model in the diffusers layout, in one
// safetensors file or in shards with an index, and their form as a ParameterSource.
//
// For NAME = `diffusion_pytorch_model` (diffusers), then `model` (transformers), these are tried:
// NAME.safetensors, NAME.safetensors.index.json; and only if neither name has one of them, the
// half-precision variants NAME.fp16.safetensors, NAME.safetensors.index.fp16.json.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/host_to_device.h"
#include "weights/parameters.h"
#include "weights/safetensors.h"

namespace zoetrope::weights {

// Immutable; copies share the mapped files.
class Checkpoint {
 public:
  // `path` is a component folder (diffusers' names, or one file of any name), or one .safetensors
  // file. kNotFound when the folder holds no
  // weights, kDataLoss when a file or the index is corrupt or a shard is missing.
  static base::Result<Checkpoint> open(const std::string& path);

  const std::string& path() const { return path_; }  // as given to open()
  std::vector<std::string> names() const;
  bool has(const std::string& name) const { return tensors_.contains(name); }
  // Preconditions of both: has(name).
  const TensorEntry& entry(const std::string& name) const { return *tensors_.at(name).entry; }
  const std::string& file_of(const std::string& name) const;

  // The tensor in the dtype and shape it is stored with, on the CPU: no copy (tensor_io.h).
  // Precondition: has(name).
  at::Tensor tensor(const std::string& name) const;

  std::int64_t total_bytes() const;

 private:
  struct Located {
    std::shared_ptr<const SafetensorsFile> file;
    const TensorEntry* entry;
  };

  explicit Checkpoint(std::string path) : path_(std::move(path)) {}
  base::Status add_file(const std::string& path);
  base::Status add_shards(const std::string& index_path);

  std::string path_;
  std::map<std::string, Located> tensors_;
};

// Hands a checkpoint's tensors to a network, converted to one dtype and device. Remembers what was
// asked for, so that weights nobody uses are noticed. One thread at a time.
class CheckpointSource final : public ParameterSource {
 public:
  explicit CheckpointSource(Checkpoint checkpoint, at::ScalarType dtype = at::kFloat,
                            at::Device device = at::kCPU)
      : checkpoint_(std::move(checkpoint)), dtype_(dtype), device_(device) {}

  // Throws kNotFound or kDataLoss, naming the parameter, both shapes and the file. fp8 weights are
  // multiplied by their scales where the checkpoint has any ("x.scale_weight" or "x.weight_scale"
  // beside "x.weight", one for the tensor or one for each row). Floating-point
  // weights are converted; integer ones (position ids) keep their dtype. On the CPU, without
  // conversion, the result shares the mapped file.
  at::Tensor take(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  // Of a weight that has more rows (the first dimension): as many of them as `shape` has, from
  // `first`. Only these are converted.
  at::Tensor take_rows(const std::string& name, std::int64_t first, at::IntArrayRef shape);
  bool has(const std::string& name) const override { return checkpoint_.has(name); }

  const Checkpoint& checkpoint() const { return checkpoint_; }
  // Names in the checkpoint that were never taken, sorted.
  std::vector<std::string> unused() const;
  // kDataLoss naming the first few unused weights: the network is not the one that was saved.
  // `allowed`: what a network knowingly leaves (the head of a language model that encodes text).
  base::Status expect_all_used(const std::set<std::string>& allowed = {}) const;

 private:
  const TensorEntry& entry_for(const std::string& name);
  at::Tensor stored(const std::string& name) const;
  at::Tensor converted(const at::Tensor& stored);
  at::Tensor on_device(const at::Tensor& stored);
  at::Tensor rows_of(const std::string& name, std::int64_t first, std::int64_t count);
  at::Tensor scale_of(const std::string& name);

  Checkpoint checkpoint_;
  at::ScalarType dtype_;
  at::Device device_;
  std::optional<tensor::HostToDevice> uploader_;  // made when it is first needed
  std::set<std::string> used_;
};

}  // namespace zoetrope::weights
