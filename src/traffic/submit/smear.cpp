#include "traffic/submit/smear.h"

#include "base/philox.h"

namespace zoetrope::traffic::submit {

std::chrono::nanoseconds put_off(const Smear& smear, uint64_t seed, uint64_t job) {
  constexpr uint64_t kStream = 0x736d656172;  // apart from whatever else is drawn for a job
  const base::Philox4 draw = base::philox4x32(seed, job, kStream);
  if (base::uniform_open(draw.word[0], draw.word[1]) >= smear.share) return {};
  const double length =
      static_cast<double>(smear.window.count()) * base::uniform_open(draw.word[2], draw.word[3]);
  return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(length));
}

}  // namespace zoetrope::traffic::submit
