// The agent of a region: pulls the region's tables from the manager and renames them into place as
// the files that gateways watch (path_config_source). A gateway that starts while the manager is
// down then still comes up at once, with the last table.
//
// For one thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/control/http_client.h"

namespace zoetrope::traffic::control {

struct AgentOptions {
  std::string region;
  std::vector<Address> managers;  // asked in turn
  std::filesystem::path folder;   // gets pool.json, pool_local.json and runtime.json
  std::chrono::milliseconds patience{2000};
};

// What one round did.
struct AgentRound {
  std::vector<std::string> written;  // files that were replaced
  base::Status problem;              // the first; files stay as they are
};

class Agent {
 public:
  using Ask = std::function<base::Result<HttpReply>(const HttpRequest&, std::chrono::milliseconds)>;

  // Makes the folder. Files in it from an earlier life tell which versions are there.
  static base::Result<Agent> make(AgentOptions options, Ask ask);

  AgentRound pull();

 private:
  struct File {
    std::string_view name;
    std::string_view type;  // "endpoints", "runtime"
    std::string_view resource;
    std::string version;  // in the folder; empty: none
  };

  Agent(AgentOptions options, Ask ask);
  base::Status pull_one(File& file, AgentRound& round);
  base::Result<HttpReply> ask_managers(const std::string& target, const std::string& body);

  AgentOptions options_;
  Ask ask_;
  std::vector<File> files_;
  size_t manager_ = 0;  // the one that answered last
};

// The version of a discovery response for this resource. Refuses what a gateway must not get:
// another resource, no resource, a pool without endpoints, weights that no table has.
base::Result<std::string> check_document(std::string_view text, std::string_view resource,
                                         std::string_view region);

}  // namespace zoetrope::traffic::control
