#include "apps/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace zoetrope::apps {

int raise_open_file_limit() {
  constexpr rlim_t kEnough = 65536;  // "unlimited" would make a number nobody can count with
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t most = std::min(limit.rlim_max, kEnough);
  if (limit.rlim_cur < most) {
    limit.rlim_cur = most;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<int>(std::min(limit.rlim_cur, kEnough));
}

}  // namespace zoetrope::apps
