#include "engine/jobs/watchers.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace zoetrope::engine::jobs {
namespace {

// Progress that nobody could show in time is dropped; changes of state never are.
constexpr size_t kMaxQueued = 1024;

}  // namespace

struct Watchers::Entry {
  std::string owner, id;
  WatchOptions options;
  std::function<void(const JobEvent&)> callback;

  std::mutex calling;  // held during a callback; guards `gone`, except on the telling thread
  bool gone = false;

  // Of the telling thread alone.
  bool begun = false;
  bool finished = false;
  std::optional<JobEvent> last_before_begin;
};

struct Watchers::Shared {
  struct Told {
    std::shared_ptr<Entry> begins;  // the first event of this one; null: for all of the job
    JobEvent event;
  };

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Told> queue;
  std::multimap<std::string, std::shared_ptr<Entry>> entries;  // by job
  bool stopping = false;
  std::thread thread;
  std::thread::id teller;  // of `thread`; never changes after the start

  void work();
  void tell(const Told& told);
  static void begin(Entry& entry, const JobEvent& first);
  static void deliver(Entry& entry, const JobEvent& event);
};

class Watchers::Watch final : public JobWatch {
 public:
  Watch(std::shared_ptr<Shared> shared, std::shared_ptr<Entry> entry)
      : shared_(std::move(shared)), entry_(std::move(entry)) {}

  ~Watch() override {
    if (std::this_thread::get_id() == shared_->teller) {
      entry_->gone = true;  // in a callback, its own perhaps: waiting would be for ever
    } else {
      const std::lock_guard lock(entry_->calling);
      entry_->gone = true;
    }
    const std::lock_guard lock(shared_->mutex);
    const auto [first, last] = shared_->entries.equal_range(entry_->id);
    const auto mine =
        std::find_if(first, last, [&](const auto& item) { return item.second == entry_; });
    if (mine != last) shared_->entries.erase(mine);
  }

  const std::shared_ptr<Entry>& entry() const { return entry_; }

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Entry> entry_;
};

void Watchers::Shared::deliver(Entry& entry, const JobEvent& event) {
  const std::lock_guard lock(entry.calling);
  if (entry.gone || entry.finished) return;
  if (!event.preview.empty() && !entry.options.previews) return;
  entry.finished = is_final(event.job.state);
  entry.callback(event);
}

void Watchers::Shared::begin(Entry& entry, const JobEvent& first) {
  entry.begun = true;
  deliver(entry, first);
  // The job may have ended after its state was read: then this is the only word of it.
  if (entry.last_before_begin && is_final(entry.last_before_begin->job.state)) {
    deliver(entry, *entry.last_before_begin);
  }
  entry.last_before_begin.reset();
}

void Watchers::Shared::tell(const Told& told) {
  if (told.begins) return begin(*told.begins, told.event);
  std::vector<std::shared_ptr<Entry>> all;
  {
    const std::lock_guard lock(mutex);
    const auto [first, last] = entries.equal_range(told.event.job.id);
    for (auto at = first; at != last; ++at) all.push_back(at->second);
  }
  for (const auto& entry : all) {
    if (entry->begun) {
      deliver(*entry, told.event);
    } else {
      entry->last_before_begin = told.event;
    }
  }
}

void Watchers::Shared::work() {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return stopping || !queue.empty(); });
    if (queue.empty()) return;
    const Told told = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    tell(told);
    lock.lock();
  }
}

Watchers::Watchers() : shared_(std::make_shared<Shared>()) {
  const std::lock_guard lock(shared_->mutex);  // the thread's id is there before it tells anything
  shared_->thread = std::thread([shared = shared_.get()] { shared->work(); });
  shared_->teller = shared_->thread.get_id();
}

Watchers::~Watchers() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->wake.notify_all();
  shared_->thread.join();
}

std::unique_ptr<JobWatch> Watchers::add(const std::string& owner, const std::string& id,
                                        const WatchOptions& options,
                                        std::function<void(const JobEvent&)> callback) {
  auto entry = std::make_shared<Entry>();
  entry->owner = owner;
  entry->id = id;
  entry->options = options;
  entry->callback = std::move(callback);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->entries.emplace(id, entry);
  }
  return std::make_unique<Watch>(shared_, std::move(entry));
}

void Watchers::begin(JobWatch& watch, JobEvent first) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back({static_cast<Watch&>(watch).entry(), std::move(first)});
  }
  shared_->wake.notify_all();
}

void Watchers::publish(JobEvent event) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->entries.count(event.job.id) == 0) return;
    if (!event.stage.empty() && shared_->queue.size() >= kMaxQueued) return;
    shared_->queue.push_back({nullptr, std::move(event)});
  }
  shared_->wake.notify_all();
}

void Watchers::publish(Job job) {
  JobEvent event;
  event.job = std::move(job);
  publish(std::move(event));
}

bool Watchers::wants_previews(const std::string& id) const {
  const std::lock_guard lock(shared_->mutex);
  const auto [first, last] = shared_->entries.equal_range(id);
  return std::any_of(first, last, [](const auto& item) { return item.second->options.previews; });
}

std::vector<Watchers::Watched> Watchers::watched() const {
  const std::lock_guard lock(shared_->mutex);
  std::vector<Watched> all;
  for (const auto& [id, entry] : shared_->entries) {
    if (all.empty() || all.back().id != id) all.push_back({entry->owner, id});
  }
  return all;
}

}  // namespace zoetrope::engine::jobs
