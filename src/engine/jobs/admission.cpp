#include "engine/jobs/admission.h"

#include <algorithm>

namespace zoetrope::engine::jobs {

void Admission::count() { free_ = closed_ ? 0 : places_ - static_cast<int>(owners_.size()); }

Admission::Refusal Admission::enter(const std::string& id, const std::string& owner,
                                    int owner_limit) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Refusal::kClosed;
  const auto of_owner = std::count_if(owners_.begin(), owners_.end(),
                                      [&](const auto& held) { return held.second == owner; });
  if (owner_limit > 0 && of_owner >= owner_limit) return Refusal::kOwnerLimit;
  if (static_cast<int>(owners_.size()) >= places_) return Refusal::kBusy;
  owners_[id] = owner;
  count();
  return Refusal::kNone;
}

void Admission::hold(const std::string& id, const std::string& owner) {
  const std::lock_guard lock(mutex_);
  owners_[id] = owner;
  count();
}

void Admission::leave(const std::string& id) {
  const std::lock_guard lock(mutex_);
  owners_.erase(id);
  count();
}

void Admission::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  count();
}

bool Admission::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool Admission::has(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return owners_.count(id) > 0;
}

int Admission::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(owners_.size());
}

std::vector<Admission::Place> Admission::held() const {
  const std::lock_guard lock(mutex_);
  std::vector<Place> all;
  for (const auto& [id, owner] : owners_) all.push_back({id, owner});
  return all;
}

}  // namespace zoetrope::engine::jobs
