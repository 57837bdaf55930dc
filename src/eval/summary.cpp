#include "eval/summary.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/philox.h"
#include "eval/figures.h"
#include "eval/frechet.h"

namespace zoetrope::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<int> clusters_of(const EvalSet& set, const Source& source) {
  std::vector<int> found;
  found.reserve(source.rows.size());
  for (const Row& row : source.rows) found.push_back(set.items[row.item].cluster);
  return found;
}

// The rows' values; empty if some row lacks the figure.
std::vector<double> values_of(const Source& source, const std::string& name) {
  std::vector<double> found;
  found.reserve(source.rows.size());
  for (const Row& row : source.rows) {
    const auto at = row.figures.find(name);
    if (at == row.figures.end()) return {};
    found.push_back(at->second);
  }
  return found;
}

// The Gaussian of a draw's feature vectors, from sums a cluster.
class GaussianSums {
 public:
  GaussianSums(const at::Tensor& rows, const std::vector<int>& cluster_of, int clusters)
      : counts_(at::zeros({clusters}, at::kDouble)),
        sums_(at::zeros({clusters, rows.size(1)}, at::kDouble)),
        products_(at::zeros({clusters, rows.size(1), rows.size(1)}, at::kDouble)) {
    for (size_t i = 0; i < cluster_of.size(); ++i) {
      const at::Tensor row = rows[static_cast<int64_t>(i)];
      counts_[cluster_of[i]] += 1;
      sums_[cluster_of[i]] += row;
      products_[cluster_of[i]] += at::outer(row, row);
    }
  }

  Gaussian of(Draw draw) const {
    at::Tensor times = at::zeros({counts_.size(0)}, at::kDouble);
    auto entries = times.accessor<double, 1>();
    for (const int cluster : draw) entries[cluster] += 1;
    const double n = times.dot(counts_).item<double>();
    const at::Tensor mean = at::matmul(times, sums_) / n;
    const at::Tensor second = at::matmul(times, products_.flatten(1)).view({mean.size(0), -1}) / n;
    return {mean, (second - at::outer(mean, mean)) * (n / std::max(1.0, n - 1))};
  }

 private:
  at::Tensor counts_, sums_, products_;
};

// Correlation of the logarithms of two motions, from sums a cluster.
class LogCorrelation {
 public:
  LogCorrelation(const std::vector<double>& a, const std::vector<double>& b,
                 const std::vector<int>& cluster_of, int clusters)
      : sums_(clusters) {
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = std::log(std::max(1e-6, a[i])), y = std::log(std::max(1e-6, b[i]));
      const std::array terms = {1.0, x, y, x * x, y * y, x * y};
      for (size_t t = 0; t < terms.size(); ++t) sums_[cluster_of[i]][t] += terms[t];
    }
  }
  double operator()(Draw draw) const {
    std::array<double, 6> s{};
    for (const int cluster : draw) {
      for (size_t t = 0; t < s.size(); ++t) s[t] += sums_[cluster][t];
    }
    const double mx = s[1] / s[0], my = s[2] / s[0];
    return (s[5] / s[0] - mx * my) / std::sqrt((s[3] / s[0] - mx * mx) * (s[4] / s[0] - my * my));
  }

 private:
  std::vector<std::array<double, 6>> sums_;
};

class Summariser {
 public:
  Summariser(const EvalSet& set, const Measurements& measurements, size_t reference,
             const SummaryOptions& options)
      : set_(set),
        m_(measurements),
        reference_(reference),
        bootstrap_(set.clusters, options.replicates, options.seed) {
    const auto real = std::ranges::find(m_.sources, kReal, &Source::name);
    real_ = real - m_.sources.begin();
    const at::Tensor real_rows = rows_of(*real);
    summary_.fitted_on_set = !m_.others.defined() || m_.others.size(0) < real_rows.size(0);
    const at::Tensor fitting = summary_.fitted_on_set ? real_rows : m_.others;
    summary_.fitted_on = fitting.size(0);
    // Four clips a component at least: fewer, and the distance is noise.
    space_.emplace(fitting,
                   std::max<int64_t>(1, std::min(options.components, fitting.size(0) / 4)));
    summary_.components = space_->components();
    for (const Source& source : m_.sources) {
      gaussians_.emplace_back(space_->project(rows_of(source)), clusters_of(set_, source),
                              set_.clusters);
    }
  }

  Summary run() {
    std::vector<std::map<std::string, Sample>> samples;
    for (size_t s = 0; s < m_.sources.size(); ++s) {
      samples.push_back(samples_of(s));
      Summary::Column column{m_.sources[s].name, m_.sources[s].baseline, {}};
      for (const auto& [name, sample] : samples[s]) column.figures[name] = interval(name, sample);
      const auto distance = column.figures.find("frechet");  // shifted, it may reach below zero
      if (distance != column.figures.end()) {
        distance->second.low = std::max(0.0, distance->second.low);
      }
      summary_.columns.push_back(std::move(column));
    }
    for (size_t a = 0; a < m_.sources.size(); ++a) {
      for (size_t b = 0; b < a; ++b) {
        if (a == reference_ || b == reference_ || m_.sources[a].baseline) continue;
        Summary::Difference difference{m_.sources[a].name, m_.sources[b].name, {}};
        for (const auto& [name, sample] : samples[a]) {
          if (!samples[b].contains(name)) continue;
          difference.figures[name] = interval(name, sample - samples[b].at(name));
        }
        summary_.differences.push_back(std::move(difference));
      }
    }
    floors();
    return std::move(summary_);
  }

 private:
  static Interval interval(const std::string& name, const Sample& sample) {
    return name == "frechet" ? centred(sample) : percentile(sample);
  }

  static at::Tensor rows_of(const Source& source) {
    std::vector<at::Tensor> rows;
    rows.reserve(source.rows.size());
    for (const Row& row : source.rows) rows.push_back(row.features);
    return at::stack(rows);
  }

  ClusterMean mean_of(size_t s, const std::string& name) const {
    return {values_of(m_.sources[s], name), clusters_of(set_, m_.sources[s]), set_.clusters};
  }

  std::map<std::string, Sample> samples_of(size_t s) const {
    const Source& source = m_.sources[s];
    std::map<std::string, Sample> found;
    for (const FigureInfo& info : all_figures()) {
      const std::string name(info.name);
      if (info.kind == Kind::kOfSet || values_of(source, name).empty()) continue;
      found[name] = bootstrap_.sample(mean_of(s, name));
    }
    const ClusterMean moved = mean_of(s, "motion");
    const auto ratio_to = [&](size_t other) {
      return [moved, base = mean_of(other, "motion")](Draw d) { return moved(d) / base(d); };
    };
    found["motion_ratio"] = bootstrap_.sample(ratio_to(real_));
    if (s != reference_) found["ref_motion_ratio"] = bootstrap_.sample(ratio_to(reference_));
    if (s == real_) return found;
    found["motion_correlation"] = bootstrap_.sample(correlation(s));
    found["frechet"] = bootstrap_.sample(
        [&](Draw d) { return frechet_distance(gaussians_[s].of(d), gaussians_[real_].of(d)); });
    return found;
  }

  LogCorrelation correlation(size_t s) const {
    const Source& source = m_.sources[s];
    std::map<size_t, double> real_motion;
    for (const Row& row : m_.sources[real_].rows) {
      real_motion[row.item] = row.figures.at("motion");
    }
    std::vector<double> real;
    real.reserve(source.rows.size());
    for (const Row& row : source.rows) real.push_back(real_motion.at(row.item));
    return {values_of(source, "motion"), real, clusters_of(set_, source), set_.clusters};
  }

  // How far apart real clips are from real clips.
  void floors() {
    constexpr int kSplits = 20;
    constexpr uint64_t kStream = 0x5eed;
    summary_.frechet_halves = summary_.frechet_others = kNone;
    if (set_.clusters >= 4) {
      double sum = 0;
      for (int split = 0; split < kSplits; ++split) {
        std::vector<int> order(set_.clusters);
        std::iota(order.begin(), order.end(), 0);
        for (int i = set_.clusters - 1; i > 0; --i) {
          std::swap(order[i],
                    order[static_cast<int>(base::uniform_at(split, kStream, i) * (i + 1))]);
        }
        const Draw all(order);
        const size_t half = order.size() / 2;
        sum += frechet_distance(gaussians_[real_].of(all.subspan(0, half)),
                                gaussians_[real_].of(all.subspan(half, half)));
      }
      summary_.frechet_halves = sum / kSplits;
    }
    if (m_.others.defined() && m_.others.size(0) >= 2) {
      std::vector<int> each(set_.clusters);
      std::iota(each.begin(), each.end(), 0);
      summary_.frechet_others =
          frechet_distance(fit_gaussian(space_->project(m_.others)), gaussians_[real_].of(each));
    }
  }

  const EvalSet& set_;
  const Measurements& m_;
  const size_t reference_;
  const Bootstrap bootstrap_;
  size_t real_ = 0;
  std::optional<FeatureSpace> space_;
  std::vector<GaussianSums> gaussians_;
  Summary summary_;
};

}  // namespace

Summary summarise(const EvalSet& set, const Measurements& measurements, size_t reference,
                  const SummaryOptions& options) {
  return Summariser(set, measurements, reference, options).run();
}

}  // namespace zoetrope::eval
