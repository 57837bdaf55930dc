// The gateway of a region, an Envoy 1.40: what it does with requests, as a complete bootstrap.
//
// Two listeners. `ingress` takes users' requests and sends them to the cluster `pool`: the region's
// workers, and for each region that the routing table sends to, that region's `import` listener.
// `import` takes what other regions send and knows `pool_local` only, the own workers: one hop, no
// loops. A busy worker answers 429, and the retry goes to another one: retries are how a free
// worker is found.
//
// Pure; any thread. Defaults are those measured with Envoy 1.40.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace zoetrope::traffic::envoy {

struct SocketAddress {
  std::string host;
  uint16_t port = 0;
};

// Where the tables come from.
enum class TableSource {
  // Files that `zoetrope traffic agent` renames into place. A gateway that starts while the manager
  // is away has the last table at once; a new one is in force within milliseconds.
  kFiles,
  // Polled from the manager every second or two. Without it a gateway that starts has no table.
  kRest,
};

// Who sends to the ingress listener.
enum class Callers {
  kUsers,  // anybody: headers that steer Envoy are removed
  // Our own job submitters: x-envoy-fault-delay-request delays the job by that many milliseconds
  // (smear.job.percent and smear.job.ms of the runtime can override it).
  kSubmitters,
};

struct Retries {
  int count;
  // To response headers, which a worker sends when it admits a job: not the job's duration.
  std::chrono::milliseconds per_try_timeout;
  // Gap k is uniform from 0 to min(base * 2^(k-1), most).
  std::chrono::milliseconds base_interval{100};
  // Envoy's own default, ten times the base, is far shorter than a job: retries would be over
  // before a worker becomes free.
  std::chrono::milliseconds max_interval{4000};
};

// Retries under way, as a share of the requests of the last `interval`.
struct RetryBudget {
  double percent = 50;
  int min_concurrency = 16;
  // Without it only requests under way count, and retries that sleep starve the budget.
  std::chrono::milliseconds interval{10'000};
};

struct Gateway {
  std::string region;  // locality.region and, for Envoy's statistics, locality.zone
  std::string id;      // node.id
  SocketAddress ingress, import, admin;  // listened on: IP addresses

  TableSource tables = TableSource::kFiles;
  std::string folder;     // kFiles: absolute; has the files of names.h when the gateway starts
  SocketAddress manager;  // kRest: an IP address or a name

  Callers callers = Callers::kUsers;
  Retries retries{8, std::chrono::milliseconds(2000)};
  // Shorter, lest the sender takes a hung worker here for a dead region.
  Retries import_retries{2, std::chrono::milliseconds(500)};
  RetryBudget budget;
  std::chrono::seconds longest_stream{900};  // from request to the last byte, back-off included
  int64_t body_limit_bytes = 1 << 20;        // a larger body is sent once and never again
  int most_upstream = 20'000;    // connections and requests: above the number of workers
  int most_downstream = 50'000;  // connections of users
};

// The bootstrap as JSON for `envoy -c`. Fails on a region that is empty or has a dot, a listener
// that is no IP address with a port, a folder that is not absolute, intervals out of order.
base::Result<std::string> bootstrap(const Gateway& gateway);

}  // namespace zoetrope::traffic::envoy
