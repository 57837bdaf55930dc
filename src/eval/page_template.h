// page.html, built into the library. CMake writes the source.
#pragma once

#include <string_view>

namespace zoetrope::eval {

extern const std::string_view kPageTemplate;

}  // namespace zoetrope::eval
