#include "engine/jobs/admission.h"

#include <algorithm>

namespace zoetrope::engine::jobs {

Admission::Refusal Admission::enter(const std::string& id, const std::string& owner,
                                    int owner_limit) {
  const std::lock_guard lock(mutex_);
  if (slots_.draining()) return Refusal::kClosed;
  const auto of_owner = std::count_if(held_.begin(), held_.end(),
                                      [&](const auto& held) { return held.second.owner == owner; });
  if (owner_limit > 0 && of_owner >= owner_limit) return Refusal::kOwnerLimit;
  Slots::Admission admission = slots_.enter();
  if (admission.entry == Entry::kDraining) return Refusal::kClosed;
  if (admission.entry != Entry::kAccepted) return Refusal::kBusy;
  held_.emplace(id, Held{owner, std::move(admission.hold)});
  return Refusal::kNone;
}

void Admission::hold(const std::string& id, const std::string& owner) {
  const std::lock_guard lock(mutex_);
  if (held_.count(id) == 0) held_.emplace(id, Held{owner, slots_.enter_anyway()});
}

void Admission::leave(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  held->second.slot.end(SlotEnd::kFinished);
  held_.erase(held);
}

bool Admission::has(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return held_.count(id) > 0;
}

std::vector<Admission::Place> Admission::held() const {
  const std::lock_guard lock(mutex_);
  std::vector<Place> all;
  for (const auto& [id, held] : held_) all.push_back({id, held.owner});
  return all;
}

}  // namespace zoetrope::engine::jobs
