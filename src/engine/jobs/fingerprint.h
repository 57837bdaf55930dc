// Whether two requests are the same: the same fields and the same pixels.
#pragma once

#include <string>

#include "engine/api/job.h"

namespace zoetrope::engine::jobs {

// SHA-256 as hexadecimal text.
std::string fingerprint(const JobRequest& request);

}  // namespace zoetrope::engine::jobs
