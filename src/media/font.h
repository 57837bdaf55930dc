// Inside media: a bitmap font for labels on contact sheets and plots. ASCII alone.
#pragma once

#include <string_view>

namespace zoetrope::media {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 9;   // 7 above the line, 2 below
inline constexpr int kGlyphAdvance = 6;  // from one letter to the next

// The rows of a letter, "..#..|.###." and so on, '#' being ink; rows left out are blank. A
// character that the font lacks shows as '?'.
std::string_view glyph(char c);

}  // namespace zoetrope::media
