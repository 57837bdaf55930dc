// Where the regions of a simulated fleet are, and how far apart.
//
// Thirty cities in a fixed order, continents mixed, so that the first n of them are a fleet of n
// regions spread over the globe. Pure.
#pragma once

#include <string>
#include <vector>

namespace zoetrope::traffic::fleet {

struct Place {
  std::string name;
  std::string continent;
  double latitude = 0;
  double longitude = 0;
  double utc_offset_h = 0;
  double population = 1;  // share of the demand in worlds where regions differ in size
};

inline constexpr int kMaxPlaces = 30;

// The first `count` places, 1..kMaxPlaces.
std::vector<Place> places(int count);

// Round trips in ms, [from * n + to]. Great circle at two thirds of the speed of light, a detour of
// 45 %, and 1.3 ms inside a region.
std::vector<double> round_trips_ms(const std::vector<Place>& places);

}  // namespace zoetrope::traffic::fleet
