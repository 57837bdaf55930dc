#include "traffic/fleet/figure_png.h"

#include <algorithm>

#include "media/canvas.h"
#include "media/plot.h"

namespace zoetrope::traffic::fleet {
namespace {

constexpr int kWidth = 720;
constexpr int kHeight = 420;
constexpr media::Rgb kInk = {40, 40, 40};
constexpr media::Rgb kBar = {31, 105, 180};

media::Image bars(const Figure& figure) {
  constexpr int kRow = 34, kScale = 2, kMargin = 14, kValues = 90;
  int names = 0;
  double most = figure.y_high.value_or(0);
  for (const Bar& bar : figure.bars) {
    names = std::max(names, media::text_width(bar.name, kScale));
    most = std::max(most, bar.value);
  }
  const int left = names + 2 * kMargin;
  const int top = 2 * kMargin + media::text_height(kScale);
  media::Image image(kWidth, top + kRow * static_cast<int>(figure.bars.size()) + kMargin);
  media::draw_text(image, kMargin, kMargin, figure.title, kInk, kScale);
  for (size_t i = 0; i < figure.bars.size(); ++i) {
    const Bar& bar = figure.bars[i];
    const int y = top + kRow * static_cast<int>(i);
    const int width = most > 0 ? static_cast<int>(bar.value / most * (kWidth - left - kValues)) : 0;
    media::draw_text(image, left - kMargin - media::text_width(bar.name, kScale), y + 7, bar.name,
                     kInk, kScale);
    media::fill_rectangle(image, left, y + 4, std::max(width, 1), kRow - 10, kBar);
    media::draw_text(image, left + width + 8, y + 7, short_number(bar.value), kInk, kScale);
  }
  return image;
}

}  // namespace

media::Image figure_png(const Figure& figure) {
  if (!figure.bars.empty()) return bars(figure);
  std::vector<media::Series> series;
  for (const Band& band : figure.bands) {
    series.push_back({band.name + ", highest", band.x, band.high});
    series.push_back({band.name + ", lowest", band.x, band.low});
  }
  for (const Line& line : figure.lines) series.push_back({line.name, line.x, line.y});
  media::PlotOptions options;
  options.title = figure.title;
  options.x_label = figure.x_label;
  options.width = kWidth;
  options.height = kHeight;
  options.legend = media::LegendPlace::kBelow;
  for (const Level& level : figure.levels) options.levels.push_back({level.name, level.y});
  return media::plot(series, options);
}

}  // namespace zoetrope::traffic::fleet
