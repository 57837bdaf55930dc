// All figures of all clips, one row a clip.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "eval/clip_encoder.h"
#include "eval/clip_maker.h"
#include "eval/eval_set.h"
#include "eval/lpips.h"

namespace zoetrope::eval {

struct Row {
  size_t item = 0;  // in the set
  uint64_t seed = 0;
  std::map<std::string, double> figures;  // by FigureInfo::name; what has no meaning is absent
  at::Tensor features;                    // fp64 [d], motion_and_appearance
};

struct Source {
  std::string name;       // a configuration, or kReal, kAutoencoder, kStill
  bool baseline = false;  // the latter three, measured for the first seed only
  std::vector<Row> rows;
};

struct Measurements {
  std::vector<Source> sources;  // configurations in their order, then the baselines
  at::Tensor others;            // fp64 [n, d]: features of EvalSet::others; undefined without
  bool has_lpips = false;
};

struct MeasureTools {
  const ClipEncoder& encoder;
  const Lpips* lpips = nullptr;  // null: that figure is left out
};

struct MadeConfiguration {
  std::string name;
  MadeClips made;
};

// `reference`: number of the configuration that the others are held against. Throws
// Error(kCancelled).
Measurements measure(const EvalSet& set, const std::vector<uint64_t>& seeds,
                     const std::vector<MadeConfiguration>& configurations, size_t reference,
                     const MeasureTools& tools, const base::ProgressSink& progress,
                     const base::CancelToken& cancel);

}  // namespace zoetrope::eval
