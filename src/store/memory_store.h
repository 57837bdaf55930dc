// Jobs in memory: for tests, and for servers that may forget.
#pragma once

#include <memory>

#include "engine/api/job_store.h"

namespace zoetrope::store {

std::unique_ptr<engine::JobStore> make_memory_store();

}  // namespace zoetrope::store
