// The curves of a training run as a picture.
#pragma once

#include <string>

namespace zoetrope::train {

// Reads log.jsonl (one JSON object a line, with "step") and draws losses and held-out figures.
// Throws base::Error if the picture cannot be written.
void draw_loss_curve(const std::string& log_path, const std::string& picture_path);

}  // namespace zoetrope::train
