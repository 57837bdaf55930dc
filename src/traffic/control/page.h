// The files of the status page, built into the binary. They live as long as the process.
#pragma once

#include <optional>
#include <string_view>

#include "web/web.h"

namespace zoetrope::traffic::control {

// `path` without a query: "/", "/traffic.js", "/traffic.css".
std::optional<web::File> find_page(std::string_view path);

}  // namespace zoetrope::traffic::control
