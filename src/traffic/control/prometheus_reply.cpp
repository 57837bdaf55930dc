#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/in_quotes.h"
#include "base/json.h"
#include "traffic/control/metrics_text.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using nlohmann::json;

constexpr base::JsonLimits kLimits{
    .max_bytes = size_t{128} << 20, .max_depth = 16, .max_values = 20'000'000};

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// The last [time, "value"] of a series; nothing if it is of another form.
std::optional<std::pair<std::chrono::milliseconds, double>> newest(const json& series) {
  const json* values = member(series, "values");
  if (values == nullptr || !values->is_array() || values->empty()) return std::nullopt;
  const json& last = values->back();
  if (!last.is_array() || last.size() != 2 || !last[0].is_number() || !last[1].is_string()) {
    return std::nullopt;
  }
  const double seconds = last[0].get<double>();
  if (!(std::abs(seconds) < 1e12)) return std::nullopt;
  std::string_view text = last[1].get_ref<const std::string&>();
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::pair{std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)), value};
}

std::optional<Sample> sample_of(const json& series) {
  const json* metric = member(series, "metric");
  if (metric == nullptr || !metric->is_object()) return std::nullopt;
  Sample sample;
  for (const auto& [name, value] : metric->items()) {
    if (!value.is_string()) return std::nullopt;
    if (name == "__name__") {
      sample.name = value.get<std::string>();
    } else {
      sample.labels.emplace(name, value.get<std::string>());
    }
  }
  return sample;
}

}  // namespace

Result<std::map<std::string, RememberedTarget>> parse_prometheus_reply(std::string_view text,
                                                                       std::string_view source) {
  ZT_ASSIGN_OR_RETURN(const json reply, base::parse_json(text, source, kLimits));
  const json* status = member(reply, "status");
  if (status == nullptr || *status != "success") {
    const json* error = member(reply, "error");
    const bool said = error != nullptr && error->is_string();
    return base::unavailable(
        fmt::format("{}: the query failed: {}", source,
                    said ? base::in_quotes(error->get_ref<const std::string&>()) : "no reason"));
  }
  const json* data = member(reply, "data");
  const json* type = data == nullptr ? nullptr : member(*data, "resultType");
  const json* result = data == nullptr ? nullptr : member(*data, "result");
  if (type == nullptr || *type != "matrix" || result == nullptr || !result->is_array()) {
    return base::data_loss(fmt::format("{}: no answer to a range selector", source));
  }
  std::map<std::string, RememberedTarget> targets;
  for (const json& series : *result) {
    auto sample = sample_of(series);
    const auto last = newest(series);
    if (!sample || !last) return base::data_loss(fmt::format("{}: not a series", source));
    const auto instance = sample->labels.find("instance");
    if (instance == sample->labels.end()) continue;  // a recording rule, not a target
    RememberedTarget& target = targets[instance->second];
    if (!target.samples.empty() && last->first < target.time) continue;
    if (last->first > target.time) target.samples.clear();  // those were given up since
    target.time = last->first;
    sample->value = last->second;
    target.samples.push_back(std::move(*sample));
  }
  return targets;
}

}  // namespace zoetrope::traffic::control
