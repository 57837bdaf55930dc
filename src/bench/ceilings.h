// What a device reaches at best, measured: what operations are held against.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace zoetrope::bench {

struct Ceilings {
  double copy_bytes_per_second = 0;  // a copy on the device, bytes read and written
  double flops_per_second = 0;       // a big matrix product in the given type
  double fp8_flops_per_second = 0;   // in float8_e4m3 with row scales; 0 where it cannot be had
};

// Takes about a second. Random numbers, since a product of zeros runs faster.
Ceilings measure_ceilings(at::Device device, at::ScalarType dtype);

}  // namespace zoetrope::bench
