// A figure as data, drawn twice: as SVG inside a page (figure_svg.h) and as a picture for places
// that show no page (figure_png.h). Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace zoetrope::traffic::fleet {

struct Line {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

// A horizontal line that means something: a threshold, a target.
struct Level {
  std::string name;
  double y = 0;
};

// The area between two curves.
struct Band {
  std::string name;
  std::vector<double> x;
  std::vector<double> low;
  std::vector<double> high;
};

// A stretch of the x axis during which something was different.
struct Span {
  std::string name;
  double from = 0;
  double to = 0;
};

struct Bar {
  std::string name;
  double value = 0;
};

// Either curves (lines, bands, levels, spans) or bars.
struct Figure {
  std::string id;  // a file name without its extension
  std::string title;
  std::string caption;
  std::string x_label;
  std::string y_label;
  std::vector<Band> bands;
  std::vector<Line> lines;
  std::vector<Level> levels;
  std::vector<Span> spans;
  std::vector<Bar> bars;
  bool picture = false;         // wanted outside the report too
  std::optional<double> y_low;  // else what the data needs
  std::optional<double> y_high;
};

// Three digits, and whole numbers whole.
std::string short_number(double value);

}  // namespace zoetrope::traffic::fleet
