// What fuzz entries assert. Not assert(): release builds replay the corpus too.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "base/status.h"

namespace zoetrope::fuzz {

inline void check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// Every refusal is one line for a person.
inline void check_refusal(const base::Status& status) {
  check(!status.ok(), "refused with an ok status");
  check(!status.message().empty(), "refused without a message");
  check(status.message().find('\n') == std::string::npos, "the message has several lines");
}

}  // namespace zoetrope::fuzz
