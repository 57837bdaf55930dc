// The JobStore over an SQL database.
#pragma once

#include <memory>

#include "engine/api/job_store.h"
#include "store/sql.h"

namespace zoetrope::store {

// The database has the tables of schema.h already.
std::unique_ptr<engine::JobStore> make_sql_store(std::unique_ptr<SqlDatabase> database);

}  // namespace zoetrope::store
