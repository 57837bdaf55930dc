#include "traffic/fleet/figure_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "media/plot.h"

namespace zoetrope::traffic::fleet {
namespace {

constexpr double kWidth = 760, kHeight = 300;
constexpr double kLeft = 54, kRight = 14, kTop = 12, kBottom = 42;
constexpr int kColours = 6;  // the classes c0 to c5

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void settle() {
    if (low > high) low = 0, high = 1;
    if (low == high) high = low + 1;
  }
};

// Data to the coordinates of the drawing.
class Frame {
 public:
  explicit Frame(const Figure& figure) {
    for (const Line& line : figure.lines) add(line.x, line.y);
    for (const Band& band : figure.bands) {
      add(band.x, band.low);
      add(band.x, band.high);
    }
    for (const Level& level : figure.levels) y_.add(level.y);
    x_.settle();
    y_.settle();
    const double room = 0.05 * (y_.high - y_.low);
    y_.low = figure.y_low.value_or(y_.low - room);
    y_.high = figure.y_high.value_or(y_.high + room);
  }
  double x(double value) const {
    return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    const double inside = std::clamp(value, y_.low, y_.high);
    return kHeight - kBottom - (inside - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }
  const Range& x_range() const { return x_; }
  const Range& y_range() const { return y_; }

 private:
  void add(const std::vector<double>& xs, const std::vector<double>& ys) {
    for (const double value : xs) x_.add(value);
    for (const double value : ys) y_.add(value);
  }
  Range x_, y_;
};

std::string axes(const Figure& figure, const Frame& frame) {
  std::string svg;
  const double bottom = kHeight - kBottom;
  for (const double tick : media::ticks(frame.y_range().low, frame.y_range().high, 5)) {
    svg += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>)"
        R"(<text class="tick" x="{3:.1f}" y="{4:.1f}" text-anchor="end">{5:.5g}</text>)",
        kLeft, kWidth - kRight, frame.y(tick), kLeft - 6, frame.y(tick) + 4, tick);
  }
  for (const double tick : media::ticks(frame.x_range().low, frame.x_range().high, 8)) {
    svg += fmt::format(
        R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{:.5g}</text>)",
        frame.x(tick), bottom + 16, tick);
  }
  svg += fmt::format(R"(<line class="axis" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>)",
                     kLeft, kWidth - kRight, bottom);
  svg += fmt::format(R"(<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                     (kLeft + kWidth - kRight) / 2, kHeight - 6, html(figure.x_label));
  return svg;
}

std::string spans(const Figure& figure, const Frame& frame) {
  std::string svg;
  for (const Span& span : figure.spans) {
    const double from = frame.x(span.from), to = frame.x(span.to);
    svg +=
        fmt::format(R"(<rect class="span" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)"
                    R"(<text class="tick" x="{:.1f}" y="{:.1f}">{}</text>)",
                    from, kTop, to - from, kHeight - kTop - kBottom, from + 4,
                    kHeight - kBottom - 8, html(span.name));
  }
  return svg;
}

// Pieces of a polyline: a value that is not finite leaves a gap.
std::string path(const Frame& frame, const Line& line) {
  std::string d;
  bool pen_down = false;
  for (size_t i = 0; i < line.x.size(); ++i) {
    if (!std::isfinite(line.y[i])) {
      pen_down = false;
      continue;
    }
    d += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", frame.x(line.x[i]),
                     frame.y(line.y[i]));
    pen_down = true;
  }
  return d;
}

std::string area(const Frame& frame, const Band& band) {
  std::string d = "M";
  for (size_t i = 0; i < band.x.size(); ++i) {
    d += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "" : "L", frame.x(band.x[i]),
                     frame.y(band.high[i]));
  }
  for (size_t i = band.x.size(); i-- > 0;) {
    d += fmt::format("L{:.1f} {:.1f}", frame.x(band.x[i]), frame.y(band.low[i]));
  }
  return d + "Z";
}

std::string curves(const Figure& figure) {
  const Frame frame(figure);
  std::string svg = fmt::format(R"(<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">)",
                                kWidth, kHeight, html(figure.title));
  svg += spans(figure, frame) + axes(figure, frame);
  int colour = 0;
  for (const Band& band : figure.bands) {
    svg +=
        fmt::format(R"(<path class="band c{}" d="{}"/>)", colour++ % kColours, area(frame, band));
  }
  for (const Line& line : figure.lines) {
    svg +=
        fmt::format(R"(<path class="line c{}" d="{}"/>)", colour++ % kColours, path(frame, line));
  }
  // Names of levels that lie close stand side by side.
  double name_at = kWidth - kRight;
  for (const Level& level : figure.levels) {
    svg += fmt::format(
        R"(<line class="level" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>)"
        R"(<text class="tick" x="{3:.1f}" y="{4:.1f}" text-anchor="end">{5}</text>)",
        kLeft, kWidth - kRight, frame.y(level.y), name_at, frame.y(level.y) - 4, html(level.name));
    name_at -= 8.0 * static_cast<double>(level.name.size());
  }
  return svg + "</svg>";
}

std::string bars(const Figure& figure) {
  constexpr double kRow = 28, kNames = 230, kValues = 60;
  double most = figure.y_high.value_or(0);
  for (const Bar& bar : figure.bars) most = std::max(most, bar.value);
  const double height = kRow * static_cast<double>(figure.bars.size());
  std::string svg = fmt::format(R"(<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">)",
                                kWidth, height, html(figure.title));
  for (size_t i = 0; i < figure.bars.size(); ++i) {
    const Bar& bar = figure.bars[i];
    const double y = kRow * static_cast<double>(i);
    const double width = most > 0 ? bar.value / most * (kWidth - kNames - kValues) : 0;
    svg += fmt::format(
        R"(<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)"
        R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>)"
        R"(<text class="tick" x="{:.1f}" y="{:.1f}">{}</text>)",
        kNames - 10, y + 18, html(bar.name), kNames, y + 5, std::max(width, 1.0), kRow - 10,
        kNames + width + 6, y + 18, short_number(bar.value));
  }
  return svg + "</svg>";
}

std::string legend(const Figure& figure) {
  std::string items;
  int colour = 0;
  const auto add = [&](const std::string& name) {
    items += fmt::format(R"(<span><i class="c{}"></i>{}</span>)", colour++ % kColours, html(name));
  };
  for (const Band& band : figure.bands) add(band.name);
  for (const Line& line : figure.lines) add(line.name);
  return items.empty() ? "" : "<div class=\"legend\">" + items + "</div>";
}

}  // namespace

std::string short_number(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string html(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string figure_svg(const Figure& figure) {
  const std::string y_label =
      figure.y_label.empty() ? "" : fmt::format("<p class=\"unit\">{}</p>", html(figure.y_label));
  return fmt::format("<figure id=\"{}\"><h4>{}</h4>{}{}{}<figcaption>{}</figcaption></figure>\n",
                     html(figure.id), html(figure.title), legend(figure), y_label,
                     figure.bars.empty() ? curves(figure) : bars(figure), html(figure.caption));
}

}  // namespace zoetrope::traffic::fleet
