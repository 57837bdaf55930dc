// The one way to a JobStore: by the text of `--store`.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "engine/api/job_store.h"

namespace zoetrope::store {

// "memory"; "sqlite:FILE" or just a path; "postgresql://..." or "postgres://...".
//
// Creates the file (and its folder), or the tables, if they are not there. One process at a time
// has a file; a PostgreSQL database may have many. kInvalidArgument: the text. kUnavailable: the
// file or server cannot be used, or another process has the file. kDataLoss: a damaged file, or one
// that is no store. kFailedPrecondition: a newer version wrote it. One line that names the file.
base::Result<std::unique_ptr<engine::JobStore>> open_store(const std::string& where);

}  // namespace zoetrope::store
