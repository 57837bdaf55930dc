#include "engine/options.h"

#include <string>

#include "ops/attention.h"
#include "tensor/weight_format.h"

namespace zoetrope::engine {

using base::Result;
using base::Status;

Status check_options(const EngineOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return base::invalid_argument("threads: must lie between 1 and 1024");
  }
  if (options.max_batch < 1 || options.max_batch > 64) {
    return base::invalid_argument("max_batch: must lie between 1 and 64");
  }
  return {};
}

namespace {

// "auto" is the checkpoint's own until a model's quality gate says more (docs/quantisation.md).
Result<tensor::WeightFormat> linear_format(const std::string& precision,
                                           const pipeline::ModelIndex& index) {
  if (precision == "auto" || precision == "bf16") return tensor::WeightFormat::kPlain;
  if (index.transformer == nullptr) {
    return base::invalid_argument("precision: " + index.class_name + " runs as dtype says only");
  }
  for (const tensor::WeightFormat format :
       {tensor::WeightFormat::kFp8, tensor::WeightFormat::kInt8, tensor::WeightFormat::kInt4}) {
    if (precision == tensor::to_string(format)) return format;
  }
  return base::invalid_argument("precision '" + precision +
                                "': expected auto, bf16, fp8, int8 or int4");
}

Result<ops::AttentionPrecision> attention_precision(const std::string& attention,
                                                    const pipeline::ModelIndex& index) {
  if (attention == ops::to_string(ops::AttentionPrecision::kExact)) {
    return ops::AttentionPrecision::kExact;
  }
  if (attention != ops::to_string(ops::AttentionPrecision::kFp8)) {
    return base::invalid_argument("attention '" + attention + "': expected exact or fp8");
  }
  if (index.transformer == nullptr) {
    return base::invalid_argument("attention: " + index.class_name + " has none that fp8 is for");
  }
  return ops::AttentionPrecision::kFp8;
}

}  // namespace

Status choose_precision(const EngineOptions& options, pipeline::ModelIndex& index) {
  ZT_ASSIGN_OR_RETURN(index.linears.format, linear_format(options.precision, index));
  ZT_ASSIGN_OR_RETURN(index.attention, attention_precision(options.attention, index));
  return {};
}

}  // namespace zoetrope::engine
