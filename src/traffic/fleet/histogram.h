// Times in logarithmic buckets: 32 to an octave, so a percentile is right to 3 %, whatever its
// size.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace zoetrope::traffic::fleet {

class Histogram {
 public:
  void add(int64_t ns) {
    ++counts_[index(static_cast<uint64_t>(ns < 0 ? 0 : ns) >> kGrain)];
    ++total_;
  }
  void add(const Histogram& other);
  int64_t total() const { return total_; }
  // Seconds below which the share `p` of the values lies; 0 when there are none.
  double quantile_s(double p) const;

 private:
  static constexpr int kGrain = 10;  // ns are counted in units of about a microsecond
  static constexpr int kSub = 5;
  static constexpr int kCells = (64 - kGrain - kSub + 1) << kSub;

  static std::size_t index(uint64_t v) {
    const int octave = std::max(0, 64 - std::countl_zero(v) - kSub - 1);
    return static_cast<std::size_t>((static_cast<uint64_t>(octave) << kSub) + (v >> octave));
  }

  std::array<uint64_t, kCells> counts_{};
  int64_t total_ = 0;
};

}  // namespace zoetrope::traffic::fleet
