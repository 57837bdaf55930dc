// The worker boundary: inside, compute throws; outside, everything is a Status.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace zoetrope::engine {

// base::Error keeps its Status; out of memory (host or GPU) is kResourceExhausted; any other
// exception, torch's included, is kInternal with its first line.
base::Status status_of(std::exception_ptr exception);

// The result of f, or the Status of what it threw. f returns a value or a Result.
template <typename F>
auto guarded(F&& f) {
  using Value = std::invoke_result_t<F>;
  if constexpr (requires(Value v) { v.status(); }) {
    try {
      return std::forward<F>(f)();
    } catch (...) {
      return Value(status_of(std::current_exception()));
    }
  } else {
    try {
      return base::Result<Value>(std::forward<F>(f)());
    } catch (...) {
      return base::Result<Value>(status_of(std::current_exception()));
    }
  }
}

}  // namespace zoetrope::engine
