// Places for jobs: one that runs and `queue` that wait. Whoever has no place is refused at once.
//
// The slots of engine/api/slot.h count the places; here is who has them. A job has its place from
// submit() until it is final, let go, or seen on another server. Jobs found in the store (after a
// crash, or of another server) are given one whether free or not.
// Any thread may call; has_room() is one atomic read.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/api/slot.h"

namespace zoetrope::engine::jobs {

class Admission {
 public:
  Admission(int places, prometheus::Registry& registry)
      : metrics_(registry, places), slots_(places, metrics_) {}

  bool has_room() const { return slots_.has_room(); }
  int places() const { return slots_.slots(); }

  enum class Refusal { kNone, kBusy, kOwnerLimit, kClosed };
  // `owner_limit`: jobs of this owner at one time; 0 = no limit.
  Refusal enter(const std::string& id, const std::string& owner, int owner_limit);
  // A place for a job that has to be done in any case.
  void hold(const std::string& id, const std::string& owner);
  void leave(const std::string& id);
  // For good: nobody enters any more.
  void close() { slots_.drain(); }

  bool closed() const { return slots_.draining(); }
  bool has(const std::string& id) const;
  int size() const { return slots_.load(); }

  struct Place {
    std::string id, owner;
  };
  std::vector<Place> held() const;

 private:
  struct Held {
    std::string owner;
    Hold slot;
  };

  SlotMetrics metrics_;
  Slots slots_;
  mutable std::mutex mutex_;
  std::map<std::string, Held> held_;  // by id
};

}  // namespace zoetrope::engine::jobs
