// A job as a row of the table, and back.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/job.h"
#include "store/sql.h"

namespace zoetrope::store {

// "id, owner, ...": the columns of both functions below.
const std::string& job_columns();

std::vector<SqlValue> row_of(const engine::Job& job);

// state, finished_ms, expires_ms, report, error_code, error_message: what ends a job.
std::vector<SqlValue> outcome_of(const engine::Job& job);

// Throws base::Error with kDataLoss that names the job if the row is not one.
engine::Job job_of(const SqlRow& row);

// A number of a row; throws base::Error with kDataLoss.
int64_t number_in(const std::optional<std::string>& cell);

// UTF-8 without NUL: what every store can keep in a column.
bool is_storable(const std::string& text);

// Makes it so.
std::string storable(const std::string& text);

// kInvalidArgument that names the field.
base::Status check_storable(const engine::Job& job);

}  // namespace zoetrope::store
