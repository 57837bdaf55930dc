#include "engine/api/memory_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>

namespace zoetrope::engine {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// The number after `key` in /proc/meminfo, in bytes.
int64_t meminfo_bytes(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    int64_t kibibytes = 0;
    if (word == key && file >> kibibytes) return kibibytes << 10;
  }
  return kUnlimited;
}

int64_t number_in(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : kUnlimited;  // "max", or no such control group
}

// Bytes the control group leaves (version 2, then version 1).
int64_t control_group_bytes() {
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  if (limit != kUnlimited) return limit - number_in("/sys/fs/cgroup/memory.current");
  const int64_t old_limit = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  if (old_limit == kUnlimited) return kUnlimited;
  return old_limit - number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes");
}

}  // namespace

int64_t available_memory_bytes() {
  return std::max<int64_t>(0, std::min(meminfo_bytes("MemAvailable:"), control_group_bytes()));
}

base::Result<int64_t> parse_bytes(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(end, text.data() + text.size());
  std::ranges::transform(unit, unit.begin(), [](unsigned char c) { return std::toupper(c); });
  int shift = -1;
  if (unit.empty() || unit == "B") shift = 0;
  if (unit == "K" || unit == "KB" || unit == "KIB") shift = 10;
  if (unit == "M" || unit == "MB" || unit == "MIB") shift = 20;
  if (unit == "G" || unit == "GB" || unit == "GIB") shift = 30;
  const double bytes = shift < 0 ? 0 : std::ldexp(value, shift);
  if (error != std::errc() || !(bytes >= 1) || bytes > 1e18) {
    return base::invalid_argument(
        fmt::format("memory: '{}' is not a size such as 900M or 2G", text));
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace zoetrope::engine
