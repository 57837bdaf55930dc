// Result<T>: a value or the Status that explains its absence.
#pragma once

#include <optional>
#include <utility>

#include "base/status.h"

namespace zoetrope::base {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    if (status_.ok()) status_ = internal_error("Result built from an ok Status without a value");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // Precondition: ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  // The value, or an Error thrown with the status: the step from the Result zone into compute.
  T value_or_throw() && {
    if (!ok()) throw Error(status_);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace zoetrope::base

#define ZT_CONCAT_INNER(a, b) a##b
#define ZT_CONCAT(a, b) ZT_CONCAT_INNER(a, b)

// Returns the Status of `expression` from the enclosing function if it is not ok.
#define ZT_RETURN_IF_ERROR(expression)                                    \
  do {                                                                    \
    if (auto zt_status = (expression); !zt_status.ok()) return zt_status; \
  } while (false)

// ZT_ASSIGN_OR_RETURN(auto file, open(path)): declares `file`, or returns the failed Status.
#define ZT_ASSIGN_OR_RETURN(declaration, expression) \
  ZT_ASSIGN_OR_RETURN_INNER(ZT_CONCAT(zt_result_, __LINE__), declaration, expression)
#define ZT_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return result.status();                        \
  declaration = std::move(result).value()
