// Many pictures on one: a row a clip, a frame a column, with a label above each row.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "media/image.h"

namespace zoetrope::media {

struct SheetRow {
  std::string label;  // may be empty
  std::vector<Image> frames;
};

// Black text on white, frames on a grid whose cells fit the largest of them. An empty list, or
// rows without frames, give a sheet without pixels.
Image contact_sheet(std::span<const SheetRow> rows);

}  // namespace zoetrope::media
