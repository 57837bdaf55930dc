#include "train/loss_curve.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "media/plot.h"
#include "media/write_image.h"
#include "weights/json_lines.h"

namespace zoetrope::train {
namespace {

// What a person compares; rates and learning rates would only stretch the axis.
bool is_curve(const std::string& name) {
  return name == "loss" || name == "v_mse" || name == "l1" || name == "held_out_v_mse";
}

}  // namespace

void draw_loss_curve(const std::string& log_path, const std::string& picture_path) {
  std::map<std::string, media::Series> curves;
  for (const auto& line : weights::read_json_lines(log_path).value_or_throw()) {
    for (const std::string& name : line.keys()) {
      if (!is_curve(name)) continue;
      media::Series& series = curves[name];
      series.name = name;
      series.x.push_back(line.require<double>("step"));
      series.y.push_back(line.require<double>(name));
    }
  }
  std::vector<media::Series> list;
  list.reserve(curves.size());
  for (auto& [name, series] : curves) list.push_back(std::move(series));
  const media::Image picture =
      media::plot(list, {.title = "training", .x_label = "step", .log_y = true});
  const auto status = media::write_image(picture_path, picture);
  if (!status.ok()) throw base::Error(status);
}

}  // namespace zoetrope::train
