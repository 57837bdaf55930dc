// Line charts, for the curves of a training run or of a simulated fleet.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "media/image.h"

namespace zoetrope::media {

struct Series {
  std::string name;       // in the legend
  std::vector<double> x;  // as many as y
  std::vector<double> y;  // a value that is not finite leaves a gap
};

// A horizontal line that means something, dashed, with its name on it.
struct PlotLevel {
  std::string name;
  double y = 0;
};

enum class LegendPlace {
  kInside,  // upper right, where falling curves leave room
  kBelow,   // under the plot, which becomes lower by it
};

struct PlotOptions {
  std::string title = {};
  std::string x_label = {};
  int width = 960;
  int height = 540;
  bool log_y = false;  // values that are not positive leave a gap
  std::vector<PlotLevel> levels = {};
  LegendPlace legend = LegendPlace::kInside;
};

// Axes fit the data and have round ticks. Without any point, an empty frame.
Image plot(std::span<const Series> series, const PlotOptions& options = {});

// Round numbers (1, 2 or 5 times a power of ten apart) within [low, high], about `count` of them.
std::vector<double> ticks(double low, double high, int count);

}  // namespace zoetrope::media
