#include "traffic/control/publication.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/json.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
using nlohmann::json;

constexpr base::JsonLimits kLimits{
    .max_bytes = size_t{256} << 20, .max_depth = 8, .max_values = 20'000'000};
constexpr size_t kMostRegions = 1000;

// Reads what nlohmann would throw about; every absence and wrong type is one of these.
struct NotOne {
  std::string what;
};

const json& member(const json& object, const char* name, json::value_t type) {
  if (!object.is_object()) throw NotOne{"not an object"};
  const auto found = object.find(name);
  if (found == object.end()) throw NotOne{fmt::format("{}: is missing", name)};
  // Whole numbers come as signed or unsigned.
  const bool whole = type == json::value_t::number_integer && found->is_number_integer();
  if (found->type() != type && !whole) throw NotOne{fmt::format("{}: is of the wrong type", name)};
  return *found;
}

int whole(const json& value, int least, int most) {
  if (!value.is_number_integer()) throw NotOne{"a number is not whole"};
  const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > INT32_MAX;
  const int64_t number = huge ? INT64_MAX : value.get<int64_t>();
  if (number < least || number > most) throw NotOne{"a number is out of range"};
  return static_cast<int>(number);
}

Address address(const json& value) {
  if (!value.is_string()) throw NotOne{"an address is no text"};
  auto parsed = parse_address(value.get_ref<const std::string&>());
  if (!parsed.ok()) throw NotOne{parsed.status().message()};
  if (!is_ip(*parsed)) throw NotOne{"an address is not an IP address"};
  return *std::move(parsed);
}

PublishedRegion region_of(const json& value, int count) {
  PublishedRegion region;
  region.name = member(value, "name", json::value_t::string).get<std::string>();
  region.import = address(member(value, "import", json::value_t::string));
  for (const json& endpoint : member(value, "endpoints", json::value_t::array)) {
    region.endpoints.push_back(address(endpoint));
  }
  for (const json& near : member(value, "near", json::value_t::array)) {
    region.near.push_back(whole(near, 0, count - 1));
  }
  return region;
}

// Sparse: of 200 regions most send nothing to most.
policy::Table table_of(const json& regions) {
  const int count = static_cast<int>(regions.size());
  policy::Table table{policy::Matrix<int>(count), std::vector<int>(count)};
  for (int s = 0; s < count; ++s) {
    for (const json& entry : member(regions[s], "row", json::value_t::array)) {
      if (!entry.is_array() || entry.size() != 2) throw NotOne{"row: not a pair"};
      const int t = whole(entry[0], 0, count - 1);
      table.weight.at(s, t) = whole(entry[1], 1, policy::kWeightSum);
    }
    table.drop[s] =
        whole(member(regions[s], "drop", json::value_t::number_integer), 0, policy::kDropSum);
  }
  return table;
}

Publication publication_of(const json& value) {
  Publication publication;
  const json& version = member(value, "version", json::value_t::number_integer);
  const bool huge = version.is_number_unsigned() && version.get<uint64_t>() > INT64_MAX;
  if (huge || version.get<int64_t>() < 1) throw NotOne{"version: out of range"};
  publication.version = version.get<int64_t>();
  const json& regions = member(value, "regions", json::value_t::array);
  if (regions.empty() || regions.size() > kMostRegions) throw NotOne{"regions: none or too many"};
  const int count = static_cast<int>(regions.size());
  std::set<std::string> names;
  for (const json& region : regions) {
    publication.regions.push_back(region_of(region, count));
    if (!names.insert(publication.regions.back().name).second)
      throw NotOne{"regions: a name twice"};
  }
  publication.table = table_of(regions);
  for (const auto& [key, number] : member(value, "runtime", json::value_t::object).items()) {
    if (!number.is_number()) throw NotOne{"runtime: no number"};
    publication.runtime[key] = number.get<double>();
  }
  const Status valid = policy::validate(publication.table, count);
  if (!valid.ok()) throw NotOne{valid.message()};
  return publication;
}

}  // namespace

int Publication::find(std::string_view region) const {
  for (size_t i = 0; i < regions.size(); ++i) {
    if (regions[i].name == region) return static_cast<int>(i);
  }
  return -1;
}

bool Publication::says_the_same(const Publication& other) const {
  return regions == other.regions && table == other.table && runtime == other.runtime;
}

std::string to_json(const Publication& publication) {
  json regions = json::array();
  for (int s = 0; s < static_cast<int>(publication.regions.size()); ++s) {
    const PublishedRegion& region = publication.regions[s];
    json endpoints = json::array();
    for (const Address& endpoint : region.endpoints) endpoints.push_back(to_string(endpoint));
    json row = json::array();
    for (int t = 0; t < publication.table.size(); ++t) {
      const int weight = publication.table.weight.at(s, t);
      if (weight > 0) row.push_back({t, weight});
    }
    regions.push_back({{"name", region.name},
                       {"import", to_string(region.import)},
                       {"endpoints", std::move(endpoints)},
                       {"near", region.near},
                       {"row", std::move(row)},
                       {"drop", publication.table.drop[s]}});
  }
  return json{{"version", publication.version},
              {"regions", std::move(regions)},
              {"runtime", publication.runtime}}
      .dump();
}

Result<Publication> parse_publication(std::string_view text, std::string_view source) {
  ZT_ASSIGN_OR_RETURN(const json value, base::parse_json(text, source, kLimits));
  try {
    return publication_of(value);
  } catch (const NotOne& wrong) {
    return base::data_loss(fmt::format("{}: {}", source, wrong.what));
  }
}

}  // namespace zoetrope::traffic::control
