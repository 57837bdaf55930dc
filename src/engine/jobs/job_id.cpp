#include "engine/jobs/job_id.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "base/status.h"

namespace zoetrope::engine::jobs {
namespace {

// Crockford's base 32: in the order of ASCII, so that text sorts as the numbers do.
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr int kBits = 5;
constexpr int kTimeDigits = 10;  // milliseconds for 35,000 years
constexpr int kCountDigits = 3;  // of ids within a millisecond
constexpr int kRandomDigits = 22;
constexpr uint64_t kMostCount = (uint64_t{1} << (kBits * kCountDigits)) - 1;

void append(std::string& id, uint64_t number, int digits) {
  for (int i = digits - 1; i >= 0; --i) id += kDigits[(number >> (kBits * i)) & 31];
}

// The time and a count that no earlier call was given; a clock that runs backwards stands still.
std::pair<uint64_t, uint64_t> next_moment(uint64_t now_ms) {
  static std::mutex mutex;
  static uint64_t last_ms = 0, count = 0;
  const std::lock_guard lock(mutex);
  if (now_ms > last_ms) {
    last_ms = now_ms;
    count = 0;
  } else if (++count > kMostCount) {
    ++last_ms;
    count = 0;
  }
  return {last_ms, count};
}

}  // namespace

std::string new_job_id(std::string_view kind, int64_t now_ms) {
  std::array<unsigned char, kRandomDigits> random;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    throw base::Error(base::StatusCode::kInternal, "no random numbers for an id");
  }
  const auto [time, count] = next_moment(static_cast<uint64_t>(now_ms));
  std::string id(kind);
  id += '_';
  append(id, time, kTimeDigits);
  append(id, count, kCountDigits);
  for (const unsigned char byte : random) id += kDigits[byte & 31];
  return id;
}

std::optional<int64_t> job_id_time_ms(std::string_view id) {
  const size_t start = id.find('_');
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view kind = id.substr(0, start), rest = id.substr(start + 1);
  if (kind != "video" && kind != "image") return std::nullopt;
  if (rest.size() != kTimeDigits + kCountDigits + kRandomDigits) return std::nullopt;
  int64_t time = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    const size_t digit = kDigits.find(rest[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i < kTimeDigits) time = (time << kBits) | static_cast<int64_t>(digit);
  }
  return time;
}

}  // namespace zoetrope::engine::jobs
