// How names that came out of a file are put into messages: quoted, on one line, of bounded length,
// whatever bytes they hold.
#pragma once

#include <string>
#include <string_view>

namespace zoetrope::base {

// `text` in single quotes. Control characters become '?', and what exceeds 120 bytes becomes "...".
std::string in_quotes(std::string_view text);

}  // namespace zoetrope::base
