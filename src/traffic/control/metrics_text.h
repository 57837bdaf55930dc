// Metrics as workers, gateways and Prometheus servers write them.
//
// Both readers give the same thing: samples by series. What cannot be a reading (NaN, infinite,
// negative, missing) never becomes a number: sum() of it is "nothing", not 0. Values; any thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::traffic::control {

using Labels = std::map<std::string, std::string, std::less<>>;

struct Sample {
  std::string name;
  Labels labels;
  double value = 0;  // as written: may be NaN, infinite or negative
};

// The value, if it can be that of a counter, or of a gauge that counts something.
std::optional<double> reading(const Sample& sample);

using Matchers = std::span<const std::pair<std::string_view, std::string_view>>;
bool matches(const Sample& sample, std::string_view name, Matchers labels);

// Sum over the series of this name that carry these labels. Nothing if there are none, or if one
// of them is no reading.
std::optional<double> sum(const std::vector<Sample>& samples, std::string_view name,
                          Matchers labels = {});

using Names = std::set<std::string, std::less<>>;

// The text format (version 0.0.4). Every line is checked, the series named in `wanted` are kept.
// kDataLoss with one line "source:line: what" for text that is not of that form, kept series that
// occur twice included.
base::Result<std::vector<Sample>> parse_metrics(std::string_view text, std::string_view source,
                                                const Names& wanted);

// One scraped target as a Prometheus server remembers it.
struct RememberedTarget {
  std::vector<Sample> samples;       // of its last scrape
  std::chrono::milliseconds time{};  // Unix time of that
};

// The answer to a range selector, as in query={__name__=~"a|b"}[1m]: by the label `instance`.
// kUnavailable for an answer that says it failed, kDataLoss for what is none.
base::Result<std::map<std::string, RememberedTarget>> parse_prometheus_reply(
    std::string_view text, std::string_view source);

}  // namespace zoetrope::traffic::control
