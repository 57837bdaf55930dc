// Contact sheets of a comparison: for a few clips, the real one above what each configuration made.
#pragma once

#include "eval/measure.h"
#include "media/image.h"

namespace zoetrope::eval {

// `count` clips of the set, evenly spread, eight frames each, of the first seed.
media::Image comparison_sheet(const EvalSet& set, const std::vector<MadeConfiguration>& made,
                              size_t seeds, size_t count);

}  // namespace zoetrope::eval
