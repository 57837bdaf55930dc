#include "nn/linear.h"

#include <ATen/ATen.h>

#include "ops/activation.h"
#include "ops/quantised_weight.h"

namespace zoetrope::nn {

using weights::Init;

namespace {

ops::LinearFusion fusion_of(const Prologue& p) {
  ops::LinearFusion fusion = p.norm.fusion();
  fusion.position = p.position;
  fusion.position_repeat = p.position_repeat;
  return fusion;
}

struct Shape {
  int64_t in, out;
  Bias bias;
};

ops::LinearWeight take(const weights::Scope& scope, const Shape& shape, const Init& init,
                       ops::WeightFormat format) {
  ops::LinearWeight w;
  w.weight = scope.take("weight", {shape.out, shape.in}, init);
  if (shape.bias == Bias::kPresent) w.bias = scope.take("bias", {shape.out}, init);
  const bool plain = format == ops::WeightFormat::kPlain || w.weight.requires_grad() ||
                     !ops::holds(format, shape.out, shape.in);
  return plain ? w : ops::quantise(w, format);
}

// What a layer keeps for good of the weight that it took.
ops::LinearWeight held(const weights::Scope& scope, ops::LinearWeight w) {
  w.weight = scope.sub("weight").keep(w.weight);
  if (w.scale.defined()) w.scale = scope.sub("weight_scale").keep(w.scale);
  return w.format == ops::WeightFormat::kPlain ? ops::prepare_linear(w.weight, w.bias, w.gated) : w;
}

std::vector<FusedLinear::Part> of_one_size(const std::vector<std::string_view>& names,
                                           int64_t out) {
  std::vector<FusedLinear::Part> parts;
  parts.reserve(names.size());
  for (const std::string_view name : names) parts.push_back({name, out});
  return parts;
}

}  // namespace

// ---- Linear ---------------------------------------------------------------------------------

Linear::Linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias, Start start)
    : weight_(held(
          scope, take(scope, {in, out, bias},
                      start == Start::kZero ? Init::zeros() : Init::fan_in(in), scope.format()))) {}

at::Tensor Linear::operator()(const ops::Rows& x) const { return ops::linear(x, weight_); }

at::Tensor Linear::operator()(const ops::Rows& x, const at::Tensor& residual) const {
  ops::LinearFusion fusion;
  fusion.residual = residual;
  return ops::linear(x, weight_, fusion);
}

ops::Rows Linear::activated(const ops::Rows& x, ops::Activation activation,
                            ops::RowFormat result) const {
  // A product's epilogue writes plain rows; the activation's own pass writes any.
  if (result != ops::RowFormat::kPlain) {
    return ops::activate(ops::linear(x, weight_), activation, result);
  }
  ops::LinearFusion fusion;
  fusion.activation = activation;
  return ops::linear(x, weight_, fusion);
}

void Linear::into(const at::Tensor& out, const ops::Rows& x, ops::Activation activation) const {
  ops::LinearFusion fusion;
  fusion.activation = activation;
  fusion.out = out;
  ops::linear(x, weight_, fusion);
}

// ---- GatedLinear ----------------------------------------------------------------------------

GatedLinear::GatedLinear(const weights::Scope& scope, int64_t in, int64_t out) {
  ops::LinearWeight w =
      take(scope, {in, 2 * out, Bias::kPresent}, Init::fan_in(in), scope.format());
  w.gated = true;
  weight_ = held(scope, w);
}

at::Tensor GatedLinear::operator()(const at::Tensor& x, const Prologue& prologue) const {
  return ops::linear(x, weight_, fusion_of(prologue));
}

// ---- FusedLinear ----------------------------------------------------------------------------

FusedLinear::FusedLinear(const weights::Scope& scope, const std::vector<Part>& parts, int64_t in,
                         Bias bias) {
  const weights::Scope first = scope.sub(parts.front().name);
  bool trained = false;
  ops::WeightFormat format = first.format();
  for (const Part& part : parts) {
    if (!ops::holds(format, part.out, in)) format = ops::WeightFormat::kPlain;
  }
  for (const Part& part : parts) {
    parts_.push_back(take(scope.sub(part.name), {in, part.out, bias}, Init::fan_in(in), format));
    trained = trained || parts_.back().weight.requires_grad();
  }
  if (parts.size() > 1 && trained) return;
  // Nobody holds the parts any longer when the next layer takes its own.
  ops::LinearWeight joined = ops::join_linears(parts_);
  parts_.clear();
  joined_ = held(first, std::move(joined));
}

FusedLinear::FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names,
                         int64_t in, int64_t out_each, Bias bias)
    : FusedLinear(scope, of_one_size(names, out_each), in, bias) {}

ops::RowFormat FusedLinear::input_format() const {
  return parts_.empty() ? joined_.row_format() : ops::RowFormat::kPlain;
}

at::Tensor FusedLinear::operator()(const ops::Rows& x) const { return run(x, {}); }

at::Tensor FusedLinear::operator()(const at::Tensor& x, const Prologue& prologue) const {
  return run(x, fusion_of(prologue));
}

void FusedLinear::into(const at::Tensor& out, const ops::Rows& x) const {
  ops::LinearFusion fusion;
  fusion.out = out;
  run(x, fusion);
}

at::Tensor FusedLinear::run(const ops::Rows& x, const ops::LinearFusion& fusion) const {
  return ops::linear(x, parts_.empty() ? joined_ : ops::join_linears(parts_), fusion);
}

}  // namespace zoetrope::nn
