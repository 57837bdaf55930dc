// Our own kernels switched off, to see what they bring.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/ladder.h"

namespace zoetrope::bench {

// While it lives, every op that has a plain ATen variant uses it. Acts on the whole process.
class PlainKernels {
 public:
  PlainKernels() {
    for (const std::string& op : ops::ops_with_variant("aten")) {
      forced_.push_back(std::make_unique<ops::ForceVariant>(op, "aten"));
    }
  }

 private:
  std::vector<std::unique_ptr<ops::ForceVariant>> forced_;
};

}  // namespace zoetrope::bench
