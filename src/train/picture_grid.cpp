#include "train/picture_grid.h"

#include <ATen/ATen.h>

#include <cstring>

#include "media/write_image.h"

namespace zoetrope::train {

void write_picture_grid(const std::string& path, const std::vector<at::Tensor>& rows) {
  if (rows.empty()) return;
  std::vector<at::Tensor> lines;
  lines.reserve(rows.size());
  for (const at::Tensor& row : rows) {
    lines.push_back(at::cat(row.to(at::kCPU).unbind(0), 1));  // [h, k*w, 3]
  }
  const at::Tensor all = at::cat(lines, 0).contiguous();
  media::Image image(static_cast<int>(all.size(1)), static_cast<int>(all.size(0)));
  std::memcpy(image.rgb.data(), all.const_data_ptr<uint8_t>(), image.rgb.size());
  const auto status = media::write_image(path, image);
  if (!status.ok()) throw base::Error(status);
}

}  // namespace zoetrope::train
