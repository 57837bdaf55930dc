// Errors as OpenAI's clients expect them: {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace zoetrope::http {

struct ApiError {
  int status = 500;
  std::string code;     // "invalid_value", "not_found", ...: for programs
  std::string param;    // the field, header or parameter at fault; may be empty
  std::string message;  // one line for a person
};

// The only table from our codes to HTTP's.
int http_status(base::StatusCode code);

// "size: 3x2 is ..." becomes an error whose param is "size". The engine's names of fields become
// those of the API. Messages of kInternal, kUnknown and kDataLoss stay in the log: they are ours to
// read.
ApiError api_error(const base::Status& status);

// The reason of HTTP status `status` without one of our codes: 404 of a path, 405, 413, ...
ApiError api_error(int status, std::string_view code, std::string_view message,
                   std::string_view param = {});

std::string error_body(const ApiError& error);

}  // namespace zoetrope::http
