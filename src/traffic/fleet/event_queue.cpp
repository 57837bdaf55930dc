#include "traffic/fleet/event_queue.h"

namespace zoetrope::traffic::fleet {
namespace {

bool earlier(const Event& a, const Event& b) { return a.at < b.at; }

}  // namespace

EventQueue::EventQueue(int64_t horizon_ns) : wheel_(static_cast<size_t>(kBuckets)) {
  while ((kBuckets << shift_) < horizon_ns) ++shift_;
  // What a bucket of a large fleet holds: growing there step by step cost a tenth of a run.
  constexpr size_t kUsual = 16;
  for (std::vector<Event>& bucket : wheel_) bucket.reserve(kUsual);
}

void EventQueue::insert_in_current(const Event& event) {
  const auto from = current_.begin() + static_cast<std::ptrdiff_t>(position_);
  current_.insert(std::upper_bound(from, current_.end(), event, earlier), event);
}

bool EventQueue::advance() {
  if (size_ == 0) return false;
  current_.clear();
  position_ = 0;
  // Nothing within the horizon: jump to where the heap begins.
  if (in_wheel_ == 0) slot_ = (far_.top().at >> shift_) - 1;
  do {
    ++slot_;
    fetch_far();
    current_.swap(wheel_[static_cast<size_t>(slot_ & kMask)]);
  } while (current_.empty());
  in_wheel_ -= static_cast<int64_t>(current_.size());
  std::sort(current_.begin(), current_.end(), earlier);
  return true;
}

void EventQueue::fetch_far() {
  while (!far_.empty() && (far_.top().at >> shift_) - slot_ < kBuckets) {
    wheel_[static_cast<size_t>((far_.top().at >> shift_) & kMask)].push_back(far_.top());
    far_.pop();
    ++in_wheel_;
  }
}

std::vector<Event> EventQueue::remove_if(bool (*wanted)(const Event&, int region), int region) {
  std::vector<Event> taken;
  const auto take = [&](std::vector<Event>& events, size_t from) {
    size_t kept = from;
    for (size_t i = from; i < events.size(); ++i) {
      if (wanted(events[i], region)) {
        taken.push_back(events[i]);
      } else {
        events[kept++] = events[i];
      }
    }
    const auto gone = static_cast<int64_t>(events.size() - kept);
    events.resize(kept);
    size_ -= gone;
    return gone;
  };
  take(current_, position_);
  for (std::vector<Event>& bucket : wheel_) in_wheel_ -= take(bucket, 0);
  std::vector<Event> far;
  for (; !far_.empty(); far_.pop()) far.push_back(far_.top());
  take(far, 0);
  for (const Event& event : far) far_.push(event);
  return taken;
}

}  // namespace zoetrope::traffic::fleet
