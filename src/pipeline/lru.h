// Lru: values by key, in the order of their last use. A value says what it takes: bytes().
//
// Values stay where they are until they are dropped. One thread at a time.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <utility>

namespace zoetrope::pipeline {

template <class Key, class Value>
class Lru {
 public:
  // The value of the key, a fresh one where there is none; from now on the last used.
  Value& use(const Key& key) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->first != key) continue;
      entries_.splice(entries_.begin(), entries_, it);
      return it->second;
    }
    entries_.emplace_front(std::piecewise_construct, std::forward_as_tuple(key),
                           std::forward_as_tuple());
    return entries_.front().second;
  }

  // Drops the least recently used until all but the last used take at most `bytes` together.
  void trim_others(int64_t bytes) {
    if (entries_.empty()) return;
    auto it = std::next(entries_.begin());
    for (; it != entries_.end(); ++it) {
      bytes -= it->second.bytes();
      if (bytes < 0) break;
    }
    entries_.erase(it, entries_.end());
  }

  size_t size() const { return entries_.size(); }

 private:
  std::list<std::pair<Key, Value>> entries_;  // the last used first; there are few
};

}  // namespace zoetrope::pipeline
