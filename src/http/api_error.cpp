#include "http/api_error.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace zoetrope::http {
namespace {

using base::StatusCode;

// What the engine calls a field, and what its clients do.
struct Renamed {
  std::string_view engine, api;
};
constexpr Renamed kRenamed[] = {{"steps", "num_inference_steps"},
                                {"text_guidance", "guidance_scale"},
                                {"image_guidance", "image_guidance_scale"},
                                {"picture", "input_reference"},
                                {"count", "n"},
                                {"format", "output_format"},
                                {"compression", "output_compression"},
                                {"deadline", "timeout"},
                                {"idempotency_key", "idempotency-key"}};

std::string_view code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
      return "invalid_value";
    case StatusCode::kNotFound:
      return "not_found";
    case StatusCode::kAlreadyExists:
      return "idempotency_key_reused";
    case StatusCode::kFailedPrecondition:
      return "wrong_state";
    case StatusCode::kAborted:
      return "conflict";
    case StatusCode::kCancelled:
      return "cancelled";
    case StatusCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case StatusCode::kPermissionDenied:
      return "permission_denied";
    case StatusCode::kUnauthenticated:
      return "invalid_api_key";
    case StatusCode::kResourceExhausted:
      return "busy";
    case StatusCode::kUnimplemented:
      return "unsupported";
    case StatusCode::kUnavailable:
      return "unavailable";
    case StatusCode::kOk:
    case StatusCode::kUnknown:
    case StatusCode::kInternal:
    case StatusCode::kDataLoss:
      break;
  }
  return "internal_error";
}

bool is_ours_to_read(StatusCode code) { return code_name(code) == "internal_error"; }

// The words before ": " if they can be the name of a field.
std::string_view field_of(std::string_view message) {
  const size_t colon = message.find(": ");
  if (colon == message.npos || colon == 0 || colon > 40) return {};
  const std::string_view field = message.substr(0, colon);
  const bool is_name = std::all_of(field.begin(), field.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '[' || c == ']';
  });
  return is_name ? field : std::string_view();
}

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

int http_status(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kAlreadyExists:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
    case StatusCode::kCancelled:  // by somebody else: whoever cancelled reads no answer
      return 409;
    case StatusCode::kResourceExhausted:
      return 429;
    case StatusCode::kUnknown:
    case StatusCode::kInternal:
    case StatusCode::kDataLoss:
      return 500;
    case StatusCode::kUnimplemented:
      return 501;
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kDeadlineExceeded:
      return 504;
  }
  return 500;
}

ApiError api_error(const base::Status& status) {
  const StatusCode code = status.code();
  if (is_ours_to_read(code)) {
    return api_error(http_status(code), code_name(code), "something went wrong in the server");
  }
  std::string message = status.message();
  // "busy: another job runs" names no field.
  const bool has_field = code != StatusCode::kResourceExhausted && code != StatusCode::kUnavailable;
  std::string param(has_field ? field_of(message) : std::string_view());
  for (const Renamed& name : kRenamed) {
    if (param != name.engine) continue;
    message.replace(0, param.size(), name.api);
    param = name.api;
    break;
  }
  return api_error(http_status(code), code_name(code), message, param);
}

ApiError api_error(int status, std::string_view code, std::string_view message,
                   std::string_view param) {
  return {.status = status,
          .code = std::string(code),
          .param = std::string(param),
          .message = std::string(message)};
}

std::string error_body(const ApiError& error) {
  nlohmann::json body = {{"message", error.message},
                         {"type", type_of(error.status)},
                         {"param", nullptr},
                         {"code", error.code}};
  if (!error.param.empty()) body["param"] = error.param;
  return nlohmann::json({{"error", std::move(body)}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace zoetrope::http
