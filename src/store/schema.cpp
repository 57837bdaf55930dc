#include "store/schema.h"

#include <fmt/format.h>

#include <vector>

namespace zoetrope::store {
namespace {

// Element i takes version i to version i + 1. What is here has been written to someone's disk:
// add, never change.
const std::vector<std::vector<std::string>>& steps() {
  static const std::vector<std::vector<std::string>> all = {{
      R"(CREATE TABLE zoetrope_jobs (
           id TEXT NOT NULL PRIMARY KEY,
           owner TEXT NOT NULL,
           idempotency_key TEXT NOT NULL,
           fingerprint TEXT NOT NULL,
           request TEXT NOT NULL,           -- JSON: engine/api/job.h
           state TEXT NOT NULL,
           attended BIGINT NOT NULL,
           cancel_requested BIGINT NOT NULL,
           created_ms BIGINT NOT NULL,
           started_ms BIGINT NOT NULL,
           finished_ms BIGINT NOT NULL,
           deadline_ms BIGINT NOT NULL,
           expires_ms BIGINT NOT NULL,
           attempt BIGINT NOT NULL,
           server TEXT NOT NULL,
           lease_until_ms BIGINT NOT NULL,
           report TEXT,                     -- JSON
           error_code BIGINT,
           error_message TEXT))",
      R"(CREATE UNIQUE INDEX zoetrope_jobs_by_key
           ON zoetrope_jobs (owner, idempotency_key) WHERE idempotency_key <> '')",
      "CREATE INDEX zoetrope_jobs_by_owner ON zoetrope_jobs (owner, created_ms, id)",
      R"(CREATE INDEX zoetrope_jobs_open
           ON zoetrope_jobs (created_ms, id) WHERE state IN ('queued', 'in_progress'))",
      "CREATE INDEX zoetrope_jobs_by_expiry ON zoetrope_jobs (state, expires_ms)",
  }};
  return all;
}

}  // namespace

int64_t schema_version() { return static_cast<int64_t>(steps().size()); }

void migrate(SqlTransaction& transaction, int64_t have) {
  if (have > schema_version()) {
    throw base::Error(base::failed_precondition(
        fmt::format("written by a newer Zoetrope (its tables have version "
                    "{}, this program knows {}): update the program",
                    have, schema_version())));
  }
  for (int64_t version = have; version < schema_version(); ++version) {
    for (const std::string& statement : steps()[static_cast<size_t>(version)]) {
      transaction.run(statement);
    }
  }
}

}  // namespace zoetrope::store
