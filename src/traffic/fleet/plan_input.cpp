#include "traffic/fleet/plan_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/in_quotes.h"
#include "base/json.h"

namespace zoetrope::traffic::fleet {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const auto comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

// Reads row by row; keeps the first complaint.
class ForecastReader {
 public:
  explicit ForecastReader(std::string_view source) : source_(source) {}

  base::Status header(std::string_view line) {
    for (const std::string_view name : fields_of(line)) columns_.emplace_back(name);
    for (const char* needed : {"region", "hour", "requests_per_s"}) {
      if (column(needed) < 0) return complaint(fmt::format("no column {}", needed));
    }
    return {};
  }

  base::Status row(std::string_view line) {
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.size() != columns_.size()) {
      return complaint(
          fmt::format("{} fields, but the header has {}", fields.size(), columns_.size()));
    }
    ZT_ASSIGN_OR_RETURN(const size_t region, region_of(fields));
    ZT_ASSIGN_OR_RETURN(const double hour, value(fields, "hour", 0, 23));
    if (hour != std::floor(hour)) return complaint("hour: not a whole number");
    ZT_ASSIGN_OR_RETURN(const double rate, value(fields, "requests_per_s", 0, 1e9));
    if (!seen_.emplace(region, static_cast<int>(hour)).second) {
      return complaint(fmt::format("{} has hour {} already", forecast.places[region].name, hour));
    }
    forecast.rps[region][static_cast<size_t>(hour)] = rate;
    return {};
  }

  base::Status complaint(const std::string& what) const {
    return base::invalid_argument(fmt::format("{}:{}: {}", source_, line, what));
  }

  Forecast forecast;
  int line = 0;

 private:
  int column(std::string_view name) const {
    const auto at = std::find(columns_.begin(), columns_.end(), name);
    return at == columns_.end() ? -1 : static_cast<int>(at - columns_.begin());
  }

  base::Result<double> value(const std::vector<std::string_view>& fields, std::string_view name,
                             double least, double most) const {
    const std::string_view text = fields[static_cast<size_t>(column(name))];
    const std::optional<double> parsed = number(text);
    if (!parsed || *parsed < least || *parsed > most) {
      return complaint(fmt::format("{}: {} is no number from {:g} to {:g}", name,
                                   base::in_quotes(text), least, most));
    }
    return *parsed;
  }

  base::Result<size_t> region_of(const std::vector<std::string_view>& fields) {
    const std::string name(fields[static_cast<size_t>(column("region"))]);
    if (name.empty()) return complaint("region: empty");
    const auto known = index_.find(name);
    if (known != index_.end()) return known->second;
    ZT_ASSIGN_OR_RETURN(Place place, place_of(name, fields));
    forecast.places.push_back(std::move(place));
    forecast.rps.push_back({});
    return index_[name] = forecast.places.size() - 1;
  }

  base::Result<Place> place_of(const std::string& name,
                               const std::vector<std::string_view>& fields) const {
    if (column("latitude") >= 0 && column("longitude") >= 0 && column("continent") >= 0) {
      Place place{.name = name,
                  .continent = std::string(fields[static_cast<size_t>(column("continent"))])};
      ZT_ASSIGN_OR_RETURN(place.latitude, value(fields, "latitude", -90, 90));
      ZT_ASSIGN_OR_RETURN(place.longitude, value(fields, "longitude", -180, 180));
      return place;
    }
    for (Place& place : places(kMaxPlaces)) {
      if (place.name == name) return std::move(place);
    }
    return complaint(fmt::format(
        "region: {} is no city of the simulator's; add the columns latitude, longitude, continent",
        base::in_quotes(name)));
  }

  std::string source_;
  std::vector<std::string> columns_;
  std::map<std::string, size_t> index_;
  std::set<std::pair<size_t, int>> seen_;
};

// Of the range of n normal values, over their standard deviation (the d2 of control charts).
double range_over_deviation(int n) {
  constexpr double kFactors[] = {1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078};
  return kFactors[std::clamp(n, 2, 10) - 2];
}

double field(const nlohmann::json& stage, const char* name) {
  const auto found = stage.find(name);
  const bool fine = found != stage.end() && found->is_number();
  return fine ? found->get<double>() : std::nan("");
}

}  // namespace

base::Result<Forecast> read_forecast(std::string_view text, std::string_view source) {
  ForecastReader reader(source);
  bool in_header = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++reader.line;
    if (line.empty() || line.front() == '#') continue;
    ZT_RETURN_IF_ERROR(in_header ? reader.header(line) : reader.row(line));
    in_header = false;
  }
  if (reader.forecast.places.empty()) return reader.complaint("no demand");
  return std::move(reader.forecast);
}

base::Result<Service> read_service(std::string_view text, std::string_view source) {
  constexpr double kLeastVariation = 0.05;
  ZT_ASSIGN_OR_RETURN(const nlohmann::json json, base::parse_json(text, source));
  const auto complaint = [&](const std::string& what) {
    return base::invalid_argument(fmt::format("{}: {}", source, what));
  };
  if (!json.is_object() || !json.contains("stages") || !json["stages"].is_object()) {
    return complaint("stages: not there; `zoetrope bench --json` writes them");
  }
  const nlohmann::json& stages = json["stages"];
  double median = 0, range = 0;
  for (const auto& [name, stage] : stages.items()) {
    if (stages.contains("total") && name != "total") continue;
    if (!stage.is_object()) return complaint("stages." + name + ": not an object");
    median += field(stage, "median_seconds");
    range += field(stage, "most_seconds") - field(stage, "least_seconds");
  }
  if (!(median > 0) || !(range >= 0)) {
    return complaint("stages: no median_seconds, least_seconds and most_seconds above 0");
  }
  const int runs =
      json.contains("runs") && json["runs"].is_number_integer() ? json["runs"].get<int>() : 5;
  const double deviation = range / range_over_deviation(runs);
  std::string device = json.contains("device") && json["device"].is_string()
                           ? ", " + json["device"].get<std::string>()
                           : "";
  return Service{median, std::max(kLeastVariation, deviation / median),
                 std::string(source) + device};
}

}  // namespace zoetrope::traffic::fleet
