#include "traffic/fleet/world.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace zoetrope::traffic::fleet {
namespace {

constexpr double kLocalMs = 1.3;
constexpr double kDetour = 1.45;
constexpr double kFibreKmPerMs = 200;  // two thirds of the speed of light
constexpr double kEarthKm = 6371;

const std::vector<Place>& all_places() {
  static const std::vector<Place> kPlaces = {
      {"virginia", "north-america", 39.0, -77.5, -5, 1.5},
      {"dublin", "europe", 53.3, -6.3, 0, 1.1},
      {"singapore", "asia", 1.35, 103.8, 8, 1.3},
      {"oregon", "north-america", 45.6, -121.2, -8, 1.1},
      {"frankfurt", "europe", 50.1, 8.7, 1, 1.3},
      {"tokyo", "asia", 35.7, 139.7, 9, 1.4},
      {"sao-paulo", "south-america", -23.5, -46.6, -3, 1.2},
      {"mumbai", "asia", 19.1, 72.9, 5.5, 1.8},
      {"iowa", "north-america", 41.3, -95.9, -6, 1.0},
      {"paris", "europe", 48.9, 2.4, 1, 1.1},
      {"sydney", "oceania", -33.9, 151.2, 10, 0.7},
      {"johannesburg", "africa", -26.2, 28.0, 2, 0.6},
      {"texas", "north-america", 32.8, -96.8, -6, 1.2},
      {"london", "europe", 51.5, -0.1, 0, 1.1},
      {"seoul", "asia", 37.6, 127.0, 9, 1.0},
      {"california", "north-america", 37.3, -121.9, -8, 1.3},
      {"stockholm", "europe", 59.3, 18.1, 1, 0.6},
      {"jakarta", "asia", -6.2, 106.8, 7, 1.2},
      {"santiago", "south-america", -33.4, -70.7, -4, 0.6},
      {"hong-kong", "asia", 22.3, 114.2, 8, 0.9},
      {"ohio", "north-america", 40.0, -83.0, -5, 1.0},
      {"madrid", "europe", 40.4, -3.7, 1, 0.8},
      {"osaka", "asia", 34.7, 135.5, 9, 0.8},
      {"montreal", "north-america", 45.5, -73.6, -5, 0.7},
      {"milan", "europe", 45.5, 9.2, 1, 0.8},
      {"delhi", "asia", 28.6, 77.2, 5.5, 1.5},
      {"bogota", "south-america", 4.7, -74.1, -5, 0.7},
      {"warsaw", "europe", 52.2, 21.0, 1, 0.7},
      {"dubai", "asia", 25.2, 55.3, 4, 0.8},
      {"lagos", "africa", 6.5, 3.4, 1, 0.8},
  };
  return kPlaces;
}

double distance_km(const Place& a, const Place& b) {
  constexpr double kRadians = std::numbers::pi / 180;
  const double dlat = (b.latitude - a.latitude) * kRadians / 2;
  const double dlon = (b.longitude - a.longitude) * kRadians / 2;
  const double h = std::sin(dlat) * std::sin(dlat) + std::cos(a.latitude * kRadians) *
                                                         std::cos(b.latitude * kRadians) *
                                                         std::sin(dlon) * std::sin(dlon);
  return 2 * kEarthKm * std::asin(std::min(1.0, std::sqrt(h)));
}

}  // namespace

std::vector<Place> places(int count) {
  const std::vector<Place>& all = all_places();
  return {all.begin(), all.begin() + count};
}

std::vector<double> round_trips_ms(const std::vector<Place>& places) {
  std::vector<double> rtt;
  for (const Place& from : places) {
    for (const Place& to : places) {
      const bool same = &from == &to;
      const double path_km = distance_km(from, to) * kDetour;
      rtt.push_back(same ? kLocalMs : kLocalMs + 2 * path_km / kFibreKmPerMs);
    }
  }
  return rtt;
}

}  // namespace zoetrope::traffic::fleet
