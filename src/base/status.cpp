#include "base/status.h"

#include <array>

namespace zoetrope::base {

std::string_view to_string(StatusCode code) {
  static constexpr std::array<std::string_view, 17> kNames = {"ok",
                                                              "cancelled",
                                                              "unknown",
                                                              "invalid argument",
                                                              "deadline exceeded",
                                                              "not found",
                                                              "already exists",
                                                              "permission denied",
                                                              "resource exhausted",
                                                              "failed precondition",
                                                              "aborted",
                                                              "out of range",
                                                              "unimplemented",
                                                              "internal",
                                                              "unavailable",
                                                              "data loss",
                                                              "unauthenticated"};
  return kNames.at(static_cast<size_t>(code));
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return *this;
  return {code_, std::string(context) + ": " + message_};
}

}  // namespace zoetrope::base
