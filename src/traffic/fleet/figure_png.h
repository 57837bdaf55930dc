// A figure as a picture, for a README.
#pragma once

#include "media/image.h"
#include "traffic/fleet/figure.h"

namespace zoetrope::traffic::fleet {

media::Image figure_png(const Figure& figure);

}  // namespace zoetrope::traffic::fleet
