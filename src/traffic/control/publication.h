// What the manager publishes: for every region its row of the routing table and its endpoints. One
// object for everything that must agree; gateways, agents, the disk and other managers all get it
// or pieces of it. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/policy/table.h"

namespace zoetrope::traffic::control {

struct PublishedRegion {
  std::string name;
  Address import;                  // where others send what they cannot serve
  std::vector<Address> endpoints;  // its own workers
  std::vector<int> near;           // regions of ring 1, nearest first: fallbacks

  bool operator==(const PublishedRegion&) const = default;
};

struct Publication {
  int64_t version = 0;  // rises by at least 1 with each
  std::vector<PublishedRegion> regions;
  policy::Table table;
  std::map<std::string, double> runtime;

  // -1 if there is none of this name.
  int find(std::string_view region) const;
  // Everything but the version.
  bool says_the_same(const Publication& other) const;
};

std::string to_json(const Publication& publication);
// kDataLoss, and one line that starts with `source`, for anything that to_json does not write: a
// table whose rows do not sum up, a port out of range, regions that do not exist.
base::Result<Publication> parse_publication(std::string_view text, std::string_view source);

}  // namespace zoetrope::traffic::control
