// What is remembered of one scraped target, so that counters become rates. A value type.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "traffic/control/scrape.h"

namespace zoetrope::traffic::control {

class TargetState {
 public:
  // A newer scrape than the last; others say nothing new and are ignored.
  void take(std::vector<Sample> samples, Time taken);

  bool seen() const { return seen_; }
  Time taken() const { return taken_; }
  const std::vector<Sample>& samples() const { return samples_; }

  // Increase a second of the counters of this name and these labels between the last two scrapes.
  // Nothing after a first scrape, when one of them went backwards (the target was restarted), is no
  // reading, or when none exists in either scrape.
  std::optional<double> rate(std::string_view name, Matchers labels) const;

 private:
  bool seen_ = false;
  bool twice_ = false;
  Time taken_{};
  Time before_{};
  std::vector<Sample> samples_;
  std::vector<Sample> samples_before_;
};

}  // namespace zoetrope::traffic::control
