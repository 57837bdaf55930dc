#include "traffic/fleet/histogram.h"

namespace zoetrope::traffic::fleet {

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
}

double Histogram::quantile_s(double p) const {
  if (total_ == 0) return 0;
  const double wanted = p * static_cast<double>(total_);
  double seen = 0;
  std::size_t i = 0;
  for (; i + 1 < counts_.size(); ++i) {
    seen += static_cast<double>(counts_[i]);
    if (seen >= wanted) break;
  }
  // The middle of bucket i.
  const std::size_t octave = i < (std::size_t{2} << kSub) ? 0 : (i >> kSub) - 1;
  const double low = static_cast<double>((i - (octave << kSub)) << octave);
  const double width = static_cast<double>(std::size_t{1} << octave);
  return (low + width / 2) * static_cast<double>(1 << kGrain) * 1e-9;
}

}  // namespace zoetrope::traffic::fleet
