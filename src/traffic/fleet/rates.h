// How many jobs a second each region's users ask for, and when the next one comes.
//
// One Poisson stream for the whole fleet, its rate and the split over regions constant within a
// tick; exact for rates that are, and one draw of each an arrival. One thread.
#pragma once

#include <vector>

#include "traffic/fleet/random.h"
#include "traffic/fleet/scenario.h"
#include "traffic/fleet/world.h"

namespace zoetrope::traffic::fleet {

class Rates {
 public:
  // `gpus`: of each place, as the demand is in units of the work they can do.
  Rates(const Options& options, const std::vector<Place>& places, const std::vector<int>& gpus);

  // Of `region` at `time_s`, jobs a second.
  double at(int region, double time_s) const;

  // The rates of a tick; regions in `silent` have none.
  void set_time(double time_s, const std::vector<uint8_t>& silent);
  double total() const { return total_; }  // jobs a second
  int draw_region(Random& random) const { return regions_.draw(random); }

 private:
  struct Change {
    std::vector<uint8_t> applies;  // by region
    DemandChange how;
  };
  double batches(int region, double time_s) const;

  DemandOptions demand_;
  std::vector<double> base_;      // mean rate by region
  std::vector<double> offset_h_;  // local time minus UTC
  std::vector<Change> changes_;
  std::vector<double> now_;
  double total_ = 0;
  AliasTable regions_;
};

}  // namespace zoetrope::traffic::fleet
