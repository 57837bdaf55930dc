// openapi.json, built into the library. CMake writes the source.
#pragma once

#include <string_view>

namespace zoetrope::http {

std::string_view openapi_json();

}  // namespace zoetrope::http
