// Status: how a failure that is part of normal life (bad input, missing file, full disk, cancel)
// is described. Codes follow gRPC, so that one table maps them to HTTP and to exit codes.
//
// Two zones. `weights`, `media`, `engine`, `http`, `rpc` return Status or Result<T> (result.h).
// Compute (`ops`, `nn`, `models`, `diffusion`, `pipeline`) throws base::Error for broken contracts;
// the engine's worker boundary turns every exception into a Status.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace zoetrope::base {

enum class StatusCode {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,  // the request is wrong, whatever the state of the system
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,  // memory, disk or a slot
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,  // a bug
  kUnavailable = 14,
  kDataLoss = 15,  // a file is corrupt
  kUnauthenticated = 16,
};

std::string_view to_string(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // One line for a person; names the field or file at fault.
  const std::string& message() const { return message_; }
  // The same status with `context` in front of its message: "model.safetensors: truncated".
  Status with_context(std::string_view context) const;

  bool operator==(const Status&) const = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status invalid_argument(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Status not_found(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status data_loss(std::string message) { return {StatusCode::kDataLoss, std::move(message)}; }
inline Status resource_exhausted(std::string message) {
  return {StatusCode::kResourceExhausted, std::move(message)};
}
inline Status failed_precondition(std::string message) {
  return {StatusCode::kFailedPrecondition, std::move(message)};
}
inline Status already_exists(std::string message) {
  return {StatusCode::kAlreadyExists, std::move(message)};
}
inline Status aborted(std::string message) { return {StatusCode::kAborted, std::move(message)}; }
inline Status unavailable(std::string message) {
  return {StatusCode::kUnavailable, std::move(message)};
}
inline Status internal_error(std::string message) {
  return {StatusCode::kInternal, std::move(message)};
}

// A Status as an exception, for the compute zone.
class Error : public std::runtime_error {
 public:
  explicit Error(Status status)
      : std::runtime_error(status.message()), status_(std::move(status)) {}
  Error(StatusCode code, std::string message) : Error(Status(code, std::move(message))) {}
  const Status& status() const { return status_; }

 private:
  Status status_;
};

// Throws Error(kInvalidArgument) unless `condition` holds. For contracts of compute code.
inline void require(bool condition, const char* message) {
  if (!condition) throw Error(StatusCode::kInvalidArgument, message);
}

}  // namespace zoetrope::base
