// Inside media: calls into libpng and libjpeg, which leave by longjmp when something is wrong.
#pragma once

#include <csetjmp>
#include <type_traits>

namespace zoetrope::media {

// Runs `step`, which may call functions that jump to `jump`; false if one did. A jump skips
// destructors, so `step` must create no object that has one: what it works on lives in the caller.
template <typename Step>
bool guarded(std::jmp_buf& jump, Step step) {
  static_assert(std::is_trivially_destructible_v<Step>);
  if (setjmp(jump) != 0) return false;
  step();
  return true;
}

}  // namespace zoetrope::media
