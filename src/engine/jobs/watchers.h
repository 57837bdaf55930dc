// Who watches jobs, and the thread that tells them. publish() only queues, so neither the engine
// nor a request's thread ever waits for a callback; callbacks run one at a time, in the order in
// which the events were published.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/api/job_service.h"

namespace zoetrope::engine::jobs {

class Watchers {
 public:
  Watchers();
  // Delivers what is queued. Watches may outlive this; they are told nothing more.
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  // Watches from now on, but tells nothing before begin(). Between the two the caller reads the
  // job's state, so that no change can fall between reading and watching.
  std::unique_ptr<JobWatch> add(const std::string& owner, const std::string& id,
                                const WatchOptions& options,
                                std::function<void(const JobEvent&)> callback);
  void begin(JobWatch& watch, JobEvent first);

  // To all who watch event.job. An event with a preview goes to those who want previews.
  void publish(JobEvent event);
  // Its state changed.
  void publish(Job job);

  bool wants_previews(const std::string& id) const;

  struct Watched {
    std::string owner, id;
  };
  // Each job once.
  std::vector<Watched> watched() const;

 private:
  struct Entry;
  struct Shared;
  class Watch;

  std::shared_ptr<Shared> shared_;
};

}  // namespace zoetrope::engine::jobs
