#include "media/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status.h"
#include "media/canvas.h"

namespace zoetrope::media {
namespace {

constexpr Rgb kInk = {40, 40, 40};
constexpr Rgb kGrid = {226, 226, 226};
// Told apart by eye and in grey.
constexpr Rgb kColours[] = {{31, 105, 180}, {214, 92, 16}, {24, 140, 82}, {190, 40, 110},
                            {118, 88, 190}, {90, 90, 90},  {150, 116, 0}, {0, 138, 160}};
constexpr int kMargin = 14;
constexpr int kTextScale = 2;
constexpr Rgb kLevel = {130, 130, 130};
constexpr int kLegendSample = 24;
constexpr int kLegendLine = 22;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // A range that can be divided by: nothing becomes 0..1, a point gets some room.
  void settle() {
    if (low > high) low = 0, high = 1;
    if (low == high) {
      const double room = low == 0 ? 1 : std::abs(low) / 2;
      low -= room;
      high += room;
    }
  }
};

// Data to pixels. With log_y, y is held as its logarithm to base 10.
class Axes {
 public:
  Axes(std::span<const Series> series, const PlotOptions& options) : log_y_(options.log_y) {
    for (const Series& s : series) {
      for (size_t i = 0; i < s.x.size(); ++i) {
        if (!visible(s, i)) continue;
        x_.add(s.x[i]);
        y_.add(scaled(s.y[i]));
      }
    }
    for (const PlotLevel& level : options.levels) y_.add(scaled(level.y));
    x_.settle();
    y_.settle();
    const double room = 0.04 * (y_.high - y_.low);
    y_.low -= room;
    y_.high += room;
  }

  bool visible(const Series& s, size_t i) const {
    return std::isfinite(s.x[i]) && std::isfinite(s.y[i]) && (!log_y_ || s.y[i] > 0);
  }

  std::vector<double> x_ticks() const { return ticks(x_.low, x_.high, 8); }

  std::vector<double> y_ticks() const {
    if (!log_y_) return ticks(y_.low, y_.high, 6);
    std::vector<double> values;
    // Within one decade or two the steps between powers of ten are needed as well.
    const bool fine = y_.high - y_.low < 2;
    for (int e = static_cast<int>(std::floor(y_.low)); e <= y_.high; ++e) {
      for (const int step : {1, 2, 5}) {
        const double value = step * std::pow(10, e);
        const double at = scaled(value);
        if ((step == 1 || fine) && at >= y_.low && at <= y_.high) values.push_back(value);
      }
    }
    // Less than that: round numbers of the data itself.
    return values.size() >= 2 ? values : ticks(std::pow(10, y_.low), std::pow(10, y_.high), 4);
  }

  double x_fraction(double x) const { return (x - x_.low) / (x_.high - x_.low); }
  double y_fraction(double y) const { return (scaled(y) - y_.low) / (y_.high - y_.low); }

 private:
  double scaled(double y) const { return log_y_ ? std::log10(y) : y; }

  bool log_y_;
  Range x_, y_;
};

std::string label(double value) { return fmt::format("{:.5g}", value); }

// The rectangle that the curves fill; labels lie around it.
struct Frame {
  int left, top, right, bottom;

  Point place(const Axes& axes, double x, double y) const {
    return {left + axes.x_fraction(x) * (right - left),
            bottom - axes.y_fraction(y) * (bottom - top)};
  }
};

// Where each entry of a legend under the plot stands, wrapped to the width: left edge and row.
std::vector<std::pair<int, int>> legend_places(std::span<const Series> series, int width) {
  std::vector<std::pair<int, int>> places;
  int left = kMargin, row = 0;
  for (const Series& s : series) {
    const int entry = kLegendSample + text_width(s.name, kTextScale) + 2 * kMargin;
    if (left + entry > width && left > kMargin) {
      left = kMargin;
      ++row;
    }
    places.emplace_back(left, row);
    left += entry;
  }
  return places;
}

int legend_height(std::span<const Series> series, const PlotOptions& options) {
  if (options.legend != LegendPlace::kBelow || series.empty()) return 0;
  return (legend_places(series, options.width).back().second + 1) * kLegendLine + kMargin / 2;
}

Frame make_frame(std::span<const Series> series, const Axes& axes, const PlotOptions& options) {
  const int line = text_height(kTextScale);
  int widest = 0;
  for (const double tick : axes.y_ticks()) {
    widest = std::max(widest, text_width(label(tick), kTextScale));
  }
  return {kMargin + widest + kMargin / 2, kMargin + (options.title.empty() ? 0 : line + kMargin),
          options.width - 2 * kMargin,
          options.height - 2 * kMargin - line - (options.x_label.empty() ? 0 : line) -
              legend_height(series, options)};
}

void draw_axes(Image& image, const Frame& frame, const Axes& axes, const PlotOptions& options) {
  const int line = text_height(kTextScale);
  const int width = frame.right - frame.left, height = frame.bottom - frame.top;
  for (const double tick : axes.y_ticks()) {
    const int y = static_cast<int>(std::lround(frame.bottom - axes.y_fraction(tick) * height));
    fill_rectangle(image, frame.left, y, width, 1, kGrid);
    draw_text(image, frame.left - kMargin / 2 - text_width(label(tick), kTextScale),
              y - line / 2 + 2, label(tick), kInk, kTextScale);
  }
  for (const double tick : axes.x_ticks()) {
    const int x = static_cast<int>(std::lround(frame.left + axes.x_fraction(tick) * width));
    fill_rectangle(image, x, frame.top, 1, height, kGrid);
    draw_text(image, x - text_width(label(tick), kTextScale) / 2, frame.bottom + kMargin / 2,
              label(tick), kInk, kTextScale);
  }
  fill_rectangle(image, frame.left, frame.bottom, width, 2, kInk);
  fill_rectangle(image, frame.left - 1, frame.top, 2, height + 2, kInk);
  draw_text(image, (options.width - text_width(options.title, kTextScale)) / 2, kMargin,
            options.title, kInk, kTextScale);
  draw_text(image, (frame.left + frame.right - text_width(options.x_label, kTextScale)) / 2,
            frame.bottom + kMargin + line, options.x_label, kInk, kTextScale);
}

void draw_levels(Image& image, const Frame& frame, const Axes& axes, const PlotOptions& options) {
  constexpr int kDash = 8;
  int name_at = frame.right;  // names of levels that lie close stand side by side
  for (const PlotLevel& level : options.levels) {
    const int y = static_cast<int>(
        std::lround(frame.bottom - axes.y_fraction(level.y) * (frame.bottom - frame.top)));
    for (int x = frame.left; x < frame.right; x += 2 * kDash) {
      fill_rectangle(image, x, y, std::min(kDash, frame.right - x), 2, kLevel);
    }
    name_at -= text_width(level.name, kTextScale) + kMargin / 2;
    draw_text(image, name_at, y - text_height(kTextScale) - 2, level.name, kLevel, kTextScale);
  }
}

void draw_series(Image& image, const Frame& frame, const Axes& axes, const Series& series,
                 Rgb colour) {
  constexpr double kLineWidth = 2.2;
  std::vector<Point> piece;
  const auto finish = [&] {
    if (piece.size() == 1) piece.push_back(piece.front());  // a dot
    draw_polyline(image, piece, kLineWidth, colour);
    piece.clear();
  };
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (axes.visible(series, i)) {
      piece.push_back(frame.place(axes, series.x[i], series.y[i]));
    } else {
      finish();
    }
  }
  finish();
}

// In the upper right corner, where falling curves leave room.
void draw_legend(Image& image, const Frame& frame, std::span<const Series> series) {
  constexpr int kSample = kLegendSample;
  const int line = kLegendLine;
  int widest = 0;
  for (const Series& s : series) widest = std::max(widest, text_width(s.name, kTextScale));
  const int width = kSample + widest + 3 * kMargin;
  const int height = static_cast<int>(series.size()) * line + kMargin;
  const int left = frame.right - width - kMargin, top = frame.top + kMargin;
  fill_rectangle(image, left, top, width, height, kGrid);
  fill_rectangle(image, left + 1, top + 1, width - 2, height - 2, kWhite);
  for (size_t i = 0; i < series.size(); ++i) {
    const int y = top + kMargin / 2 + static_cast<int>(i) * line;
    fill_rectangle(image, left + kMargin, y + line / 2 - 3, kSample, 3,
                   kColours[i % std::size(kColours)]);
    draw_text(image, left + 2 * kMargin + kSample, y + 2, series[i].name, kInk, kTextScale);
  }
}

void draw_legend_below(Image& image, std::span<const Series> series, const PlotOptions& options) {
  const auto places = legend_places(series, options.width);
  const int top = options.height - legend_height(series, options);
  for (size_t i = 0; i < series.size(); ++i) {
    const auto [left, row] = places[i];
    const int y = top + row * kLegendLine;
    fill_rectangle(image, left, y + kLegendLine / 2 - 3, kLegendSample, 3,
                   kColours[i % std::size(kColours)]);
    draw_text(image, left + kLegendSample + kMargin / 2, y, series[i].name, kInk, kTextScale);
  }
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  const double raw = (high - low) / count;
  if (!(raw > 0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const int round : {5, 2, 1}) {
    if (round * power >= raw * 0.999) step = round * power;
  }
  std::vector<double> values;
  for (double k = std::ceil(low / step); k * step <= high + step * 1e-9; ++k) {
    values.push_back(k * step + 0.0);  // + 0.0 turns -0 into 0
  }
  return values;
}

Image plot(std::span<const Series> series, const PlotOptions& options) {
  for (const Series& s : series) {
    base::require(s.x.size() == s.y.size(), "plot: a series has more of x or of y");
  }
  Image image(options.width, options.height);
  const Axes axes(series, options);
  const Frame frame = make_frame(series, axes, options);
  draw_axes(image, frame, axes, options);
  draw_levels(image, frame, axes, options);
  for (size_t i = 0; i < series.size(); ++i) {
    draw_series(image, frame, axes, series[i], kColours[i % std::size(kColours)]);
  }
  const bool named = std::ranges::any_of(series, [](const Series& s) { return !s.name.empty(); });
  if (named && options.legend == LegendPlace::kInside) draw_legend(image, frame, series);
  if (named && options.legend == LegendPlace::kBelow) draw_legend_below(image, series, options);
  return image;
}

}  // namespace zoetrope::media
