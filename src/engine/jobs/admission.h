// Places for jobs: one that runs and `queue` that wait. Whoever has no place is refused at once.
//
// A job has its place from submit() until it is final, let go, or seen on another server. Jobs
// found in the store (after a crash, or of another server) are given one whether free or not.
// Any thread may call; has_room() is one atomic read.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"

namespace zoetrope::engine::jobs {

class Admission {
 public:
  explicit Admission(int places) : places_(places), free_(places) {}

  bool has_room() const { return free_.load(std::memory_order_relaxed) > 0; }
  int places() const { return places_; }

  enum class Refusal { kNone, kBusy, kOwnerLimit, kClosed };
  // `owner_limit`: jobs of this owner at one time; 0 = no limit.
  Refusal enter(const std::string& id, const std::string& owner, int owner_limit);
  // A place for a job that has to be done in any case.
  void hold(const std::string& id, const std::string& owner);
  void leave(const std::string& id);
  // For good: nobody enters any more.
  void close();

  bool closed() const;
  bool has(const std::string& id) const;
  int size() const;

  struct Place {
    std::string id, owner;
  };
  std::vector<Place> held() const;

 private:
  void count();  // mutex_ is held

  const int places_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> owners_;  // by id
  bool closed_ = false;
  std::atomic<int> free_;
};

}  // namespace zoetrope::engine::jobs
