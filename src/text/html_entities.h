// The named character references of HTML 5, a table that tests/oracles/make_text.py writes.
#pragma once

#include <string_view>

namespace zoetrope::text {

// "name=C1 other?=3C+20D2 ...": the name without "&" and ";", its code points in hexadecimal; "?"
// where the semicolon may be missing.
extern const std::string_view kHtmlEntities;

}  // namespace zoetrope::text
