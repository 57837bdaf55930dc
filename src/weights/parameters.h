// Where a network's parameters come from.
//
// A network is built from a Scope: a path into a ParameterSource. The path mirrors the checkpoint's
// names ("down_blocks.0.resnets.1" + "conv1" + "weight"), so a published checkpoint loads without a
// table of renames. Two sources ship: a checkpoint file (checkpoint.h) and a random initialisation
// for training and benchmarks (random_source.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

#include "tensor/weight_format.h"

namespace zoetrope::weights {

// How a parameter starts when it is not loaded. Sources that load ignore it.
struct Init {
  enum class Kind { kZeros, kOnes, kNormal, kUniform };
  Kind kind = Kind::kZeros;
  double scale = 0.0;  // standard deviation, or half-width of the uniform interval

  static Init zeros() { return {Kind::kZeros, 0.0}; }
  static Init ones() { return {Kind::kOnes, 0.0}; }
  static Init normal(double std) { return {Kind::kNormal, std}; }
  // torch.nn.Linear's and Conv's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
  static Init fan_in(int64_t fan_in);
};

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // The parameter `name`, of exactly `shape`, in the source's dtype and on its device. Throws
  // base::Error (kNotFound, kDataLoss) naming the parameter.
  virtual at::Tensor take(const std::string& name, at::IntArrayRef shape, const Init& init) = 0;
  virtual bool has(const std::string& name) const = 0;
  // What a layer holds on to for good, made of parameters under `path`: joined, packed, quantised.
  // A source that keeps weights elsewhere than where they are used answers with a tensor of the
  // same shape, strides and dtype whose contents are there when the layer runs.
  virtual at::Tensor keep(const std::string& /*path*/, const at::Tensor& made) { return made; }
  // How the linear layer `path` is to hold the weight that it takes; it may be unable to.
  virtual tensor::WeightFormat format_of(const std::string& /*path*/) const {
    return tensor::WeightFormat::kPlain;
  }
};

// A dotted path into a source. Cheap to copy; the source must outlive it.
class Scope {
 public:
  explicit Scope(ParameterSource& source, std::string path = {})
      : source_(&source), path_(std::move(path)) {}

  Scope sub(std::string_view name) const { return Scope(*source_, join(name)); }
  Scope sub(std::string_view name, int64_t index) const {
    return sub(name).sub(std::to_string(index));
  }
  at::Tensor take(std::string_view name, at::IntArrayRef shape, const Init& init) const {
    return source_->take(join(name), shape, init);
  }
  bool has(std::string_view name) const { return source_->has(join(name)); }
  at::Tensor keep(const at::Tensor& made) const { return source_->keep(path_, made); }
  tensor::WeightFormat format() const { return source_->format_of(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string join(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  ParameterSource* source_;
  std::string path_;
};

// Parameters by full name, in name order: what is saved, optimised and averaged.
using ParameterMap = std::map<std::string, at::Tensor>;

}  // namespace zoetrope::weights
