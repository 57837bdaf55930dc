#include "train/loss_curve.h"

namespace zoetrope::train {

void draw_loss_curve(const std::string&, const std::string&) {}

}  // namespace zoetrope::train
