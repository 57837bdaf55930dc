// Amounts of memory: what the machine has to give, and sizes as people write them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace zoetrope::engine {

// What this process may still use: free memory and reclaimable caches, no more than what the
// control group (container) leaves.
int64_t available_memory_bytes();

// "900M", "1.5G", "2GiB", "1000000" -> bytes. kInvalidArgument.
base::Result<int64_t> parse_bytes(const std::string& text);

}  // namespace zoetrope::engine
