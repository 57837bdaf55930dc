#include "eval/sheet.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "media/contact_sheet.h"
#include "pipeline/picture.h"

namespace zoetrope::eval {
namespace {

constexpr int64_t kFrames = 8;

media::SheetRow row_of(std::string label, const at::Tensor& clip) {
  media::SheetRow row{std::move(label), {}};
  const int64_t frames = std::min(kFrames, clip.size(0));
  for (int64_t i = 0; i < frames; ++i) {
    row.frames.push_back(pipeline::to_image(clip[i * clip.size(0) / frames]));
  }
  return row;
}

}  // namespace

media::Image comparison_sheet(const EvalSet& set, const std::vector<MadeConfiguration>& made,
                              size_t seeds, size_t count) {
  std::vector<media::SheetRow> rows;
  count = std::min(count, set.items.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t item = i * set.items.size() / count;
    rows.push_back(row_of(set.items[item].caption + ": real", set.items[item].frames));
    for (const MadeConfiguration& c : made) {
      rows.push_back(row_of(c.name, c.made.clips[item * seeds].frames));
    }
  }
  return media::contact_sheet(rows);
}

}  // namespace zoetrope::eval
