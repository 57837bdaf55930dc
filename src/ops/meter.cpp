#include "ops/meter.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/status.h"

namespace zoetrope::ops {
namespace {

using Clock = std::chrono::steady_clock;

thread_local Meter* active = nullptr;

}  // namespace

// Where in the device's work an operation began and ended.
struct Meter::Record {
  std::string_view op, variant;  // of static ladders
  std::string shape;
  Work work;
  Clock::time_point begin, end;
  std::optional<c10::Event> began, ended;  // of devices with a queue

  double seconds() const {
    if (began) return began->elapsedTime(*ended) / 1e3;
    return std::chrono::duration<double>(end - begin).count();
  }
};

namespace {

std::optional<c10::Event> mark(at::Device device) {
  if (device.is_cpu()) return std::nullopt;
  const c10::impl::VirtualGuardImpl guard(device.type());
  std::optional<c10::Event> event(std::in_place, device.type(), c10::EventFlag::BACKEND_DEFAULT);
  event->record(guard.getStream(device));
  return event;
}

}  // namespace

Meter::Meter(at::Device device) : device_(device) {
  base::require(active == nullptr, "a meter is already running on this thread");
  active = this;
}

Meter::~Meter() { active = nullptr; }

std::vector<OpCost> Meter::costs() {
  if (!device_.is_cpu()) {
    const c10::impl::VirtualGuardImpl guard(device_.type());
    guard.synchronizeStream(guard.getStream(device_));
  }
  std::map<std::tuple<std::string_view, std::string_view, std::string>, OpCost> sums;
  for (const Record& record : records_) {
    OpCost& sum = sums[{record.op, record.variant, record.shape}];
    sum.op = record.op;
    sum.variant = record.variant;
    sum.shape = record.shape;
    ++sum.calls;
    sum.work.flops += record.work.flops;
    sum.work.bytes += record.work.bytes;
    sum.seconds += record.seconds();
  }
  std::vector<OpCost> costs;
  costs.reserve(sums.size());
  for (auto& [key, sum] : sums) costs.push_back(std::move(sum));
  std::ranges::sort(costs, std::greater{}, &OpCost::seconds);
  return costs;
}

MeteredCall::MeteredCall(std::string_view op, std::string_view variant) : meter_(active) {
  if (meter_ == nullptr) return;
  active = nullptr;  // the operations that this one is made of are part of it
  meter_->records_.push_back({.op = op,
                              .variant = variant,
                              .shape = {},
                              .work = {},
                              .begin = Clock::now(),
                              .end = {},
                              .began = mark(meter_->device_),
                              .ended = {}});
}

MeteredCall::~MeteredCall() {
  if (meter_ != nullptr) active = meter_;
}

void MeteredCall::finish(Work work, std::string shape) {
  Meter::Record& record = meter_->records_.back();
  record.ended = mark(meter_->device_);
  record.end = Clock::now();
  record.work = work;
  record.shape = std::move(shape);
}

int64_t bytes_of(const at::Tensor& t) {
  return t.defined() ? t.numel() * static_cast<int64_t>(t.element_size()) : 0;
}

std::string shape_of(const at::Tensor& t) {
  return fmt::format("{}", fmt::join(t.sizes().begin(), t.sizes().end(), "x"));
}

}  // namespace zoetrope::ops
