// The body of a discovery request to the traffic manager. Whatever it is, the answer is one of
// those that Envoy understands, and a table is that of the region that asked.
#include <nlohmann/json.hpp>

#include <cstdint>

#include "fuzz_check.h"
#include "traffic/control/api.h"
#include "traffic/control/discovery_request.h"
#include "traffic/control/manager.h"
#include "traffic/control/xds_documents.h"

namespace {

using namespace zoetrope;
namespace control = traffic::control;

control::Snapshot made_snapshot() {
  control::Publication publication;
  publication.version = 7;
  for (const char* name : {"use1", "euw1"}) {
    control::PublishedRegion& region = publication.regions.emplace_back();
    region.name = name;
    region.import = {"10.0.0.1", 81};
    region.endpoints = {{"10.0.0.2", 80}};
  }
  publication.table = traffic::policy::home_table(2);
  control::Snapshot snapshot;
  snapshot.publication = std::move(publication);
  return snapshot;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const control::Snapshot snapshot = made_snapshot();
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto request = control::parse_discovery_request(body);
  if (!request.ok()) fuzz::check_refusal(request.status());
  const control::Response response =
      control::answer_discovery(data[0] % 2 == 0 ? "endpoints" : "runtime", body, snapshot);
  if (response.status == 304) {
    fuzz::check(request.ok() && request->version == "7", "not modified, for another version");
    return 0;
  }
  const auto document = nlohmann::json::parse(response.body, nullptr, false);
  fuzz::check(document.is_object(), "an answer that is no JSON");
  if (response.status != 200) {
    fuzz::check(response.status == 400 || response.status == 404, "an unknown status");
    fuzz::check(document.contains("error"), "a refusal without a reason");
    return 0;
  }
  fuzz::check(request.ok() && request->version != "7", "sent again");
  if (request->resources.front() != control::kLocalPoolResource) return 0;
  const auto& locality = document["resources"][0]["endpoints"][0]["locality"];
  fuzz::check(locality["region"] == request->region, "another region's table");
  return 0;
}
