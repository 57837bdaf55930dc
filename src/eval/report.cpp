#include "eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "eval/figures.h"

namespace zoetrope::eval {
namespace {

using nlohmann::json;

std::string number(const FigureInfo& info, double value, bool sign = false) {
  if (!std::isfinite(value)) return "-";
  return sign ? fmt::format("{:+.{}f}", value * info.scale, info.decimals)
              : fmt::format("{:.{}f}", value * info.scale, info.decimals);
}

std::string cell(const FigureInfo& info, const Figures& figures, bool with_interval, bool sign) {
  const auto found = figures.find(std::string(info.name));
  if (found == figures.end()) return "";
  const Interval& i = found->second;
  if (!with_interval || !std::isfinite(i.value)) return number(info, i.value, sign);
  return fmt::format("{} [{}, {}]", number(info, i.value, sign), number(info, i.low, sign),
                     number(info, i.high, sign));
}

// Columns as wide as their longest cell; the first one on the left, the others on the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = fmt::format("{:<{}}", row[0], widths[0]);
    for (size_t c = 1; c < row.size(); ++c) line += fmt::format("  {:>{}}", row[c], widths[c]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

double mean_seconds(const MadeClips& made) {
  double sum = 0;
  for (const StoredClip& clip : made.clips) sum += clip.seconds;
  return sum / static_cast<double>(std::max<size_t>(1, made.clips.size()));
}

std::set<std::string> made_on(const MadeClips& made) {
  std::set<std::string> found;
  for (const StoredClip& clip : made.clips) found.insert(clip.made_on);
  return found;
}

std::string figure_table(const Comparison& comparison, const Summary& summary) {
  std::vector<std::vector<std::string>> rows = {{""}};
  for (const Summary::Column& column : summary.columns) rows[0].push_back(column.name);
  rows[0][1 + comparison.reference] += " (reference)";
  for (const FigureInfo& info : all_figures()) {
    std::vector<std::string> row = {std::string(info.title)};
    bool any = false;
    for (const Summary::Column& column : summary.columns) {
      row.push_back(cell(info, column.figures, !column.baseline, false));
      any |= !row.back().empty();
    }
    if (any) rows.push_back(std::move(row));
  }
  rows.push_back({"seconds a clip"});
  for (const MadeConfiguration& c : comparison.made) {
    rows.back().push_back(fmt::format("{:.3f}", mean_seconds(c.made)));
  }
  return aligned(rows);
}

// Which of two figures is better, where that can be said and zero lies outside the interval.
std::string verdict(const FigureInfo& info, const Summary::Difference& d, const Interval& i) {
  if (info.better == Better::kNeither || !std::isfinite(i.value)) return "";
  if (i.low <= 0 && i.high >= 0) return "no clear difference";
  return ((i.value > 0) == (info.better == Better::kHigher) ? d.a : d.b) + " is better";
}

std::string difference_table(const Summary::Difference& difference) {
  std::vector<std::vector<std::string>> rows = {
      {fmt::format("{} less {}", difference.a, difference.b), "", ""}};
  for (const FigureInfo& info : all_figures()) {
    const auto found = difference.figures.find(std::string(info.name));
    if (found == difference.figures.end()) continue;
    rows.push_back({std::string(info.title), cell(info, difference.figures, true, true),
                    verdict(info, difference, found->second)});
  }
  return aligned(rows);
}

std::string notes(const EvalSet& set, const Summary& s) {
  std::string text = fmt::format(
      "Frechet: {} components fitted on {} {} clips; real halves against each other {:.2f}",
      s.components, s.fitted_on, s.fitted_on_set ? "of these very" : "other", s.frechet_halves);
  if (std::isfinite(s.frechet_others)) {
    text += fmt::format(", clips outside the set {:.2f}", s.frechet_others);
  }
  text += "\n";
  if (static_cast<int64_t>(set.items.size()) < 4 * s.components) {
    text += fmt::format(
        "Frechet: {} clips are few for {} components: only compare columns of this table\n",
        set.items.size(), s.components);
  }
  if (!set.held_out) {
    text += "The data holds no clips out: the model may have been trained on these.\n";
  }
  return text;
}

json interval_json(const Interval& i) {
  return {{"value", i.value}, {"low", i.low}, {"high", i.high}};  // NaN becomes null
}

json figures_json(const Figures& figures) {
  json out = json::object();
  for (const auto& [name, interval] : figures) out[name] = interval_json(interval);
  return out;
}

json clips_json(const EvalSet& set, const Source& source) {
  json out = json::array();
  for (const Row& row : source.rows) {
    const EvalItem& item = set.items[row.item];
    out.push_back({{"clip", item.number},
                   {"caption", item.caption},
                   {"seed", row.seed},
                   {"figures", row.figures}});
  }
  return out;
}

json head_json(const Comparison& c, const EvalSet& set, const Summary& s) {
  json figures = json::object();
  constexpr const char* kBetter[] = {"higher", "lower", "neither"};
  for (const FigureInfo& info : all_figures()) {
    figures[std::string(info.name)] = {{"title", info.title},
                                       {"better", kBetter[static_cast<int>(info.better)]},
                                       {"title_scale", info.scale}};
  }
  return {{"zoetrope_eval", 1},
          {"data", c.data},
          {"clips", set.items.size()},
          {"concepts", set.clusters},
          {"held_out", set.held_out},
          {"seeds", c.seeds},
          {"reference", c.configurations[c.reference].name},
          {"bootstrap",
           {{"replicates", c.options.replicates}, {"seed", c.options.seed}, {"unit", "concept"}}},
          {"features",
           {{"model", c.feature_model},
            {"components", s.components},
            {"fitted_on", s.fitted_on},
            {"fitted_on_set", s.fitted_on_set},
            {"frechet_real_halves", s.frechet_halves},
            {"frechet_others", s.frechet_others}}},
          {"figures", figures}};
}

}  // namespace

std::string table(const Comparison& comparison, const EvalSet& set, const Summary& summary) {
  std::string text = fmt::format(
      "{} clips of {} concepts, {} seed{}; [95 % interval], {} samples "
      "of concepts\n\n",
      set.items.size(), set.clusters, comparison.seeds.size(),
      comparison.seeds.size() == 1 ? "" : "s", comparison.options.replicates);
  text += figure_table(comparison, summary) + "\n";
  for (const Summary::Difference& d : summary.differences) text += difference_table(d) + "\n";
  return text + notes(set, summary);
}

json report_json(const Comparison& comparison, const EvalSet& set, const Measurements& m,
                 const Summary& summary) {
  json out = head_json(comparison, set, summary);
  out["configurations"] = json::object();
  out["baselines"] = json::object();
  for (size_t i = 0; i < summary.columns.size(); ++i) {
    const Summary::Column& column = summary.columns[i];
    json entry = {{"summary", figures_json(column.figures)},
                  {"clips", clips_json(set, m.sources[i])}};
    if (!column.baseline) {
      entry["settings"] = describe(comparison.configurations[i]);
      entry["model_id"] = comparison.made[i].made.model_id;
      entry["made_on"] = made_on(comparison.made[i].made);
      entry["seconds_a_clip"] = mean_seconds(comparison.made[i].made);
    }
    out[column.baseline ? "baselines" : "configurations"][column.name] = std::move(entry);
  }
  out["differences"] = json::array();
  for (const Summary::Difference& d : summary.differences) {
    out["differences"].push_back({{"a", d.a}, {"b", d.b}, {"figures", figures_json(d.figures)}});
  }
  return out;
}

}  // namespace zoetrope::eval
