#include "media/contact_sheet.h"

#include <algorithm>

#include "media/canvas.h"

namespace zoetrope::media {

Image contact_sheet(std::span<const SheetRow> rows) {
  constexpr int kGap = 4;
  constexpr Rgb kInk = {40, 40, 40};
  int columns = 0, cell_width = 0, cell_height = 0;
  bool labelled = false;
  for (const SheetRow& row : rows) {
    columns = std::max(columns, static_cast<int>(row.frames.size()));
    labelled |= !row.label.empty();
    for (const Image& frame : row.frames) {
      cell_width = std::max(cell_width, frame.width);
      cell_height = std::max(cell_height, frame.height);
    }
  }
  if (columns == 0) return {};
  const int text_scale = std::max(1, cell_height / 64);
  const int label_height = labelled ? text_height(text_scale) + 2 : 0;
  const int row_height = label_height + cell_height + kGap;

  Image sheet(kGap + columns * (cell_width + kGap),
              kGap + static_cast<int>(rows.size()) * row_height);
  int y = kGap;
  for (const SheetRow& row : rows) {
    draw_text(sheet, kGap, y, row.label, kInk, text_scale);
    int x = kGap;
    for (const Image& frame : row.frames) {
      paste(sheet, x, y + label_height, frame);
      x += cell_width + kGap;
    }
    y += row_height;
  }
  return sheet;
}

}  // namespace zoetrope::media
