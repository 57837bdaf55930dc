#include "traffic/fleet/rates.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace zoetrope::traffic::fleet {
namespace {

constexpr double kPeakHour = 20;  // local time: people make clips in the evening

// Mean 1 over a day, `ratio` between its highest and lowest value.
double day_curve(double local_h, double ratio) {
  const double amplitude = (ratio - 1) / (ratio + 1);
  return 1 + amplitude * std::cos((local_h - kPeakHour) * std::numbers::pi / 12);
}

}  // namespace

Rates::Rates(const Options& options, const std::vector<Place>& places, const std::vector<int>& gpus)
    : demand_(options.demand), now_(places.size()) {
  for (size_t r = 0; r < places.size(); ++r) {
    base_.push_back(demand_.utilisation * gpus[r] / options.world.service_s);
    offset_h_.push_back(places[r].utc_offset_h);
  }
  for (const DemandChange& change : demand_.changes) {
    Change added{{}, change};
    for (const Place& place : places) {
      added.applies.push_back(change.regions.empty() ||

                              std::find(change.regions.begin(), change.regions.end(), place.name) !=
                                  change.regions.end());
    }
    changes_.push_back(added);
  }
}

double Rates::batches(int region, double time_s) const {
  if (demand_.batch_share == 0) return 1;
  const double turn = demand_.batch_period_s * region / static_cast<double>(base_.size());
  const double within = std::fmod(time_s + demand_.batch_period_s - turn, demand_.batch_period_s);
  const double pulse = demand_.batch_period_s / demand_.batch_width_s;
  return 1 - demand_.batch_share +
         (within < demand_.batch_width_s ? demand_.batch_share * pulse : 0);
}

double Rates::at(int region, double time_s) const {
  const auto r = static_cast<size_t>(region);
  double rate = base_[r] * batches(region, time_s);
  if (!demand_.hourly.empty()) {
    const double hour = std::fmod(demand_.start_h + time_s / 3600, 24);
    rate = demand_.hourly[r][static_cast<size_t>(hour)];
  } else if (demand_.daily_ratio > 1) {
    rate *= day_curve(demand_.start_h + time_s / 3600 + offset_h_[r], demand_.daily_ratio);
  }
  for (const Change& change : changes_) {
    const DemandChange& how = change.how;
    if (!change.applies[r] || time_s < how.from_s || time_s >= how.to_s) continue;
    const double share = (time_s - how.from_s) / (how.to_s - how.from_s);
    rate *= how.factor + (how.to_factor - how.factor) * share;
  }
  return rate;
}

void Rates::set_time(double time_s, const std::vector<uint8_t>& silent) {
  for (size_t r = 0; r < now_.size(); ++r) {
    now_[r] = silent[r] != 0 ? 0 : at(static_cast<int>(r), time_s);
  }
  total_ = std::accumulate(now_.begin(), now_.end(), 0.0);
  if (total_ > 0) regions_.build(now_);
}

}  // namespace zoetrope::traffic::fleet
