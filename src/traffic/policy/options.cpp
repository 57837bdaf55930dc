#include "traffic/policy/options.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "base/in_quotes.h"

namespace zoetrope::traffic::policy {
namespace {

using base::invalid_argument;
using base::Status;

std::chrono::microseconds from_ms(double ms) {
  return std::chrono::microseconds(std::llround(ms * 1000));
}

struct Number {
  const char* field;
  double lowest, highest;
  std::function<double(const Options&)> get;
  std::function<void(Options&, double)> set;
};

template <typename Part>
Number number(const char* field, double lowest, double highest, Part Options::*part,
              double Part::*member) {
  return {field, lowest, highest, [=](const Options& options) { return options.*part.*member; },
          [=](Options& options, double value) { options.*part.*member = value; }};
}

Number threshold(const char* field, int ring) {
  return {field, .01, 1,
          [=](const Options& options) { return options.routing.thresholds[ring - 1]; },
          [=](Options& options, double value) { options.routing.thresholds[ring - 1] = value; }};
}

Number milliseconds(const char* field, std::chrono::microseconds RingBounds::*member) {
  constexpr double kDay_ms = 86.4e6;
  return {field, 0, kDay_ms,
          [=](const Options& options) {
            return static_cast<double>((options.rings.*member).count()) / 1000;
          },
          [=](Options& options, double value) { options.rings.*member = from_ms(value); }};
}

const std::vector<Number>& numbers() {
  static const std::vector<Number> all = {
      milliseconds("near_rtt_ms", &RingBounds::near_rtt),
      milliseconds("far_rtt_ms", &RingBounds::far_rtt),
      threshold("threshold_1", 1),
      threshold("threshold_2", 2),
      threshold("threshold_3", 3),
      number("margin", 0, .5, &Options::routing, &RoutingOptions::margin),
      number("chunk", 1e-5, 1, &Options::routing, &RoutingOptions::chunk),
      number("slope_gain", 0, 1, &Options::slope, &SlopeOptions::gain),
      number("slope_lowest", .01, 1, &Options::slope, &SlopeOptions::lowest),
      number("slope_highest", 1, 100, &Options::slope, &SlopeOptions::highest),
      number("slope_quiet_load", 0, 1, &Options::slope, &SlopeOptions::quiet_load),
      number("demand_rise", .01, 1, &Options::damping, &DampingOptions::rise),
      number("demand_fall", .01, 1, &Options::damping, &DampingOptions::fall),
      number("exit", 0, .5, &Options::damping, &DampingOptions::exit),
      number("step", .01, 1, &Options::damping, &DampingOptions::step),
      number("most_rise", .001, 1, &Options::damping, &DampingOptions::most_rise),
      number("least_change", 0, 1, &Options::damping, &DampingOptions::least_change),
      {"hold_epochs", 0, 1e6, [](const Options& options) { return options.damping.hold_epochs; },
       [](Options& options, double value) {
         options.damping.hold_epochs = static_cast<int>(std::lround(value));
       }},
  };
  return all;
}

// NaN is outside every range.
Status in_range(const std::string& field, double value, double lowest, double highest) {
  if (value >= lowest && value <= highest) return {};
  char range[64];
  std::snprintf(range, sizeof(range), ": must be from %g to %g", lowest, highest);
  return invalid_argument(field + range);
}

Status check_tiers(const std::vector<Tier>& tiers) {
  if (tiers.empty()) return invalid_argument("tiers: there are none");
  for (const Tier& tier : tiers) {
    const std::string where = "tier " + base::in_quotes(tier.name) + ", ";
    ZT_RETURN_IF_ERROR(in_range(where + "limit", tier.limit, .01, 1));
    ZT_RETURN_IF_ERROR(in_range(where + "prior_s", tier.prior_s, 1e-6, 1e6));
  }
  return {};
}

}  // namespace

Status validate(const Options& options) {
  for (const Number& number : numbers()) {
    ZT_RETURN_IF_ERROR(in_range(number.field, number.get(options), number.lowest, number.highest));
  }
  const auto& thresholds = options.routing.thresholds;
  for (int ring = 2; ring <= kRings; ++ring) {
    if (thresholds[ring - 1] < thresholds[ring - 2]) {
      return invalid_argument("threshold_" + std::to_string(ring) + ": less than threshold_" +
                              std::to_string(ring - 1));
    }
  }
  if (options.routing.margin + options.damping.exit >= thresholds[0]) {
    return invalid_argument("threshold_1: not above margin + exit");
  }
  return check_tiers(options.tiers);
}

Status set_number(Options& options, std::string_view field, double value) {
  for (const Number& number : numbers()) {
    if (field != number.field) continue;
    ZT_RETURN_IF_ERROR(in_range(number.field, value, number.lowest, number.highest));
    number.set(options, value);
    return {};
  }
  return invalid_argument(std::string(field) + ": there is no such number");
}

Status set_word(Options& options, std::string_view field, std::string_view value) {
  const std::string name(field);
  if (field == "passes") {
    if (value != "literal" && value != "extended") {
      return invalid_argument(name + ": must be literal or extended");
    }
    options.routing.passes = value == "literal" ? Passes::kLiteral : Passes::kExtended;
    return {};
  }
  if (field == "shed") {
    if (value != "never" && value != "at_source") {
      return invalid_argument(name + ": must be never or at_source");
    }
    options.shed = value == "never" ? Shed::kNever : Shed::kAtSource;
    return {};
  }
  return invalid_argument(name + ": there is no such field");
}

}  // namespace zoetrope::traffic::policy
