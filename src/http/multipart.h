// multipart/form-data (RFC 7578, RFC 2046 section 5.1): what browsers, curl and OpenAI's client
// send. Debian has no parser of it as a C++ library of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::http {

// A view into the body.
struct Part {
  std::string name;
  std::optional<std::string> filename;  // then it is a file; never used as a path
  std::string_view content;
};

// The boundary in a Content-Type header. kInvalidArgument.
base::Result<std::string> multipart_boundary(std::string_view content_type);

// kInvalidArgument: one line that starts with "multipart". At most `max_parts` parts.
base::Result<std::vector<Part>> parse_multipart(std::string_view body, std::string_view boundary,
                                                size_t max_parts = 64);

}  // namespace zoetrope::http
