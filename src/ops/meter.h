// Meter: what a piece of code spends its time on, operation by operation.
//
// While one lives, the ladders (ladder.h) report every operation that its thread runs: variant,
// arithmetic, bytes and time on the device. Operations are timed where they run, so a GPU's queue
// is kept full only by operations that take longer than their launch; what runs outside a ladder is
// the difference to the time of the whole. Meters do not nest.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zoetrope::ops {

// The least an operation can do: each input read once, each result written once.
struct Work {
  double flops = 0;
  double bytes = 0;
};

struct OpCost {
  std::string op, variant;
  std::string shape;  // of the largest input and the weight or keys: "4608x3072 * 9216x3072"
  int64_t calls = 0;
  Work work;  // of all calls
  double seconds = 0;
};

class Meter {
 public:
  explicit Meter(at::Device device);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // Most expensive first. Waits for the device.
  std::vector<OpCost> costs();

 private:
  friend class MeteredCall;
  struct Record;
  at::Device device_;
  std::vector<Record> records_;
};

// One operation as a ladder reports it; nothing happens where no meter lives.
class MeteredCall {
 public:
  MeteredCall(std::string_view op, std::string_view variant);
  ~MeteredCall();
  MeteredCall(const MeteredCall&) = delete;
  explicit operator bool() const { return meter_ != nullptr; }
  void finish(Work work, std::string shape);

 private:
  Meter* meter_;
};

int64_t bytes_of(const at::Tensor& t);      // 0 of an undefined one
std::string shape_of(const at::Tensor& t);  // "2x4608x3072"

}  // namespace zoetrope::ops
