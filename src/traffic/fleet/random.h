// Random draws of the simulator: one stream a run, so that a run is a function of its seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace zoetrope::traffic::fleet {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // In (0, 1): the standard leaves the results of its distributions to the library, so a run would
  // differ between libraries.
  double uniform() {
    return (static_cast<double>(engine_() >> 11) + 0.5) * (1.0 / 9007199254740992.0);
  }
  double exponential(double mean) { return -mean * std::log(uniform()); }
  uint32_t below(uint32_t limit) {
    return static_cast<uint32_t>((engine_() >> 32) * uint64_t{limit} >> 32);
  }
  uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Draws i with probability weights[i] / sum in constant time (Walker's alias method, built as Vose
// has it).
class AliasTable {
 public:
  // At least one weight is positive, none negative.
  void build(std::span<const double> weights);
  int draw(Random& random) const {
    const uint64_t bits = random.bits();
    const uint32_t i = static_cast<uint32_t>((bits >> 32) * cells_.size() >> 32);
    const double u = static_cast<double>(bits & 0xFFFFFFFFu) * (1.0 / 4294967296.0);
    return u < cells_[i].keep ? static_cast<int>(i) : cells_[i].other;
  }

 private:
  struct Cell {
    double keep;
    int other;
  };
  std::vector<Cell> cells_;
};

// Log-normal service times with a given mean and coefficient of variation, from a table of
// quantiles: positive, skewed to the right as generation times are, and one draw each.
class ServiceTime {
 public:
  ServiceTime(double mean_s, double variation);
  int64_t draw_ns(Random& random) const { return table_[random.bits() >> (64 - kBits)]; }

 private:
  static constexpr int kBits = 14;
  std::vector<int64_t> table_;
};

}  // namespace zoetrope::traffic::fleet
