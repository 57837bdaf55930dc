// Which of several managers publishes. At most one leads at any time, and versions never go back,
// not even when a leader that was cut off comes to itself: every version is committed by a
// transaction that fails for anybody but the leader.
//
// Owned by one thread; told the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "traffic/control/fleet_config.h"
#include "traffic/control/scrape.h"

namespace zoetrope::traffic::control {

struct Standing {
  bool leads = false;
  // Address of the manager that leads, as it gave it; empty: not known.
  std::string leader;
  int64_t version = 0;  // the last that any leader committed
};

class Leadership {
 public:
  virtual ~Leadership() = default;
  // Called every epoch: renews the claim, or tries to take over. kUnavailable: nobody can tell;
  // whoever led before does so until its claim runs out.
  virtual base::Result<Standing> renew(Time now) = 0;
  // Before a publication goes out. kAborted: somebody else leads, or has published since.
  virtual base::Status commit(int64_t version, Time now) = 0;
  // Gives the claim up, so that another takes over at once.
  virtual void resign() = 0;
};

// The only manager there is.
std::unique_ptr<Leadership> lead_alone();

// A lease in etcd, through its JSON gateway (v3, etcd 3.4 and later). `self` is what others learn
// as the leader's address.
std::unique_ptr<Leadership> lead_by_etcd(const EtcdConfig& config, std::string self);

}  // namespace zoetrope::traffic::control
