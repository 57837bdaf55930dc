// Pictures for people: rows of frames as one PNG.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace zoetrope::train {

// rows: u8 [k, h, w, 3] each, same h and w. Throws base::Error if the file cannot be written.
void write_picture_grid(const std::string& path, const std::vector<at::Tensor>& rows);

}  // namespace zoetrope::train
