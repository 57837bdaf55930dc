// The future of a simulation: events in order of time.
//
// A timing wheel: buckets of equal width over a horizon, each sorted when its turn comes; what lies
// beyond the horizon waits in a heap. With a horizon of about twice the usual delay an event costs
// two writes and its share of one small sort. One thread. Deterministic: the order of events with
// equal time depends only on the order of pushes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <queue>
#include <vector>

namespace zoetrope::traffic::fleet {

enum class EventKind : uint8_t {
  kSubmit,  // a job reaches its gateway: the first time after its smear, later ones after backoff
  kTry,     // the gateway tries again
  kAsk,     // the gateway's turn to make a try, where its tries a second are limited
  kImport,  // a try reaches the import listener of another region
  kDone,    // a worker has finished
};

// All there is to know about one job: it is in exactly one place, so the event carries it.
struct Event {
  int64_t at;             // ns since the start
  int64_t born;           // ns: when the job was first due
  uint32_t submitted_ms;  // when the current submission reached the gateway
  uint16_t home;          // region of the user
  uint16_t there;         // region of the worker, or of the import listener asked
  uint16_t attempts;      // tries at workers over all submissions
  uint16_t unanswered;    // submissions that the client gave up
  uint8_t tries;          // tries of the gateway within this submission
  uint8_t import_tries;   // tries of the import listener within this try
  EventKind kind;
};
static_assert(sizeof(Event) == 32);

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class EventQueue {
 public:
  // `horizon_ns`: most delays should be below it; longer ones are correct but slower.
  explicit EventQueue(int64_t horizon_ns);

  void push(const Event& event) {
    const int64_t slot = event.at >> shift_;
    ++size_;
    if (slot <= slot_) {
      insert_in_current(event);
    } else if (slot - slot_ < kBuckets) {
      wheel_[static_cast<size_t>(slot & kMask)].push_back(event);
      ++in_wheel_;
    } else {
      far_.push(event);
    }
  }

  int64_t size() const { return size_; }

  // The time of the earliest event, or kNever.
  int64_t next_at() {
    if (position_ == current_.size() && !advance()) return kNever;
    return current_[position_].at;
  }

  // Precondition: next_at() != kNever.
  Event pop() {
    --size_;
    return current_[position_++];
  }

  // Takes out every event for which `wanted` holds.
  std::vector<Event> remove_if(bool (*wanted)(const Event&, int region), int region);

 private:
  static constexpr int64_t kBuckets = int64_t{1} << 15;
  static constexpr int64_t kMask = kBuckets - 1;
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return a.at > b.at; }
  };

  void insert_in_current(const Event& event);
  bool advance();
  void fetch_far();

  int shift_ = 0;
  int64_t slot_ = 0;  // the bucket that became current_
  int64_t size_ = 0;
  int64_t in_wheel_ = 0;
  std::vector<Event> current_;  // sorted; [position_, end) is still to come
  size_t position_ = 0;
  std::vector<std::vector<Event>> wheel_;
  std::priority_queue<Event, std::vector<Event>, Later> far_;
};

}  // namespace zoetrope::traffic::fleet
