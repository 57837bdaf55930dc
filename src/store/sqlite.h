// One SQLite file: WAL, every commit synced. One connection, which calls take in turn.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "store/sql.h"

namespace zoetrope::store {

// Creates the file and its folder if they are not there. For one process at a time: a second one
// is refused (FILE.lock), as two servers would run each other's jobs. Errors as of open_store().
base::Result<std::unique_ptr<SqlDatabase>> open_sqlite(const std::filesystem::path& file);

}  // namespace zoetrope::store
