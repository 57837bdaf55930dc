// With --json a command prints exactly one JSON object on stdout; all else goes to stderr.
#pragma once

#include <nlohmann/json.hpp>

namespace zoetrope::apps {

// Bytes that are not UTF-8 (file names may hold any) become U+FFFD.
void print_json(const nlohmann::json& value);

}  // namespace zoetrope::apps
