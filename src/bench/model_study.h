// Where a network's time goes: its pass as a whole, eager and recorded, and operation by operation
// against what the device reaches at best.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "bench/ceilings.h"
#include "bench/model_case.h"
#include "media/image.h"
#include "ops/meter.h"

namespace zoetrope::bench {

struct ModelTimes {
  double eager_seconds = 0;     // medians
  double recorded_seconds = 0;  // 0: not recorded on this device
  // What the first two passes take beyond two later ones: where the device records, they are run
  // and then recorded, as a request's first steps are. The choice of algorithms is in it.
  double first_seconds = 0;
  bool finite = false;     // the result
  bool same_bytes = true;  // the recorded pass gives what the eager one gives
  int64_t weight_bytes = 0;
  int64_t peak_bytes = 0;  // weights and live tensors of the eager pass
  std::vector<ops::OpCost> costs;
  at::Tensor result;  // of the eager pass
};

// Throws base::Error.
ModelTimes study_model(const ModelCase& model, at::ScalarType dtype, tensor::WeightFormat format,
                       at::Device device, int runs, const base::ProgressSink& progress,
                       const base::CancelToken& cancel);

// The least time an operation can take on such a device.
double floor_seconds(const ops::OpCost& cost, const Ceilings& ceilings);

// Rate over intensity, both in powers of ten, with the roof and every operation that counts.
media::Image roofline(const ModelTimes& times, const Ceilings& ceilings, const std::string& title);

}  // namespace zoetrope::bench
