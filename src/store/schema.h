// The tables, and how those of an older version become today's.
#pragma once

#include <cstdint>
#include <string>

#include "store/sql.h"

namespace zoetrope::store {

int64_t schema_version();

// Takes the tables from version `have` (0 = there are none) to schema_version(). Throws
// base::Error: kFailedPrecondition if `have` is newer.
void migrate(SqlTransaction& transaction, int64_t have);

}  // namespace zoetrope::store
