// A figure as inline SVG. Colours are classes of the page's style sheet (page.html), so that one
// drawing suits light and dark.
#pragma once

#include <string>

#include "traffic/fleet/figure.h"

namespace zoetrope::traffic::fleet {

// A <figure> element: title, legend, drawing, caption.
std::string figure_svg(const Figure& figure);

// With &, < and > written as HTML wants them.
std::string html(const std::string& text);

}  // namespace zoetrope::traffic::fleet
