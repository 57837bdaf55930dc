#include "store/sql_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "store/job_row.h"

namespace zoetrope::store {
namespace {

using base::Result;
using base::Status;
using engine::Job;
using engine::JobPage;
using engine::JobQuery;
using Access = SqlDatabase::Access;

constexpr const char* kOpen = "state IN ('queued', 'in_progress')";

Status no_such_job(const std::string& id) {
  return base::not_found(fmt::format("id: no job {}", storable(id)));
}

Status not_running(const std::string& id, const std::string& server, int attempt) {
  return base::aborted(fmt::format("job {}: attempt {} of {} no longer runs it", storable(id),
                                   attempt, storable(server)));
}

std::string select_jobs(const std::string& where) {
  return fmt::format("SELECT {} FROM zoetrope_jobs WHERE {}", job_columns(), where);
}

std::string update_jobs(const std::string& set, const std::string& where,
                        const std::string& returning = job_columns()) {
  return fmt::format("UPDATE zoetrope_jobs SET {} WHERE {} RETURNING {}", set, where, returning);
}

std::vector<Job> jobs_of(const std::vector<SqlRow>& rows) {
  std::vector<Job> jobs;
  jobs.reserve(rows.size());
  for (const SqlRow& row : rows) jobs.push_back(job_of(row));
  return jobs;
}

// A record that nobody can read must not keep others from running, nor come back: it fails.
void bury(SqlTransaction& transaction, const SqlRow& row, const base::Status& why, int64_t now_ms) {
  static const std::string sql = update_jobs(
      "state = 'failed', error_code = $2, error_message = $3, finished_ms = $4, expires_ms = $4, "
      "report = NULL, lease_until_ms = 0",
      "id = $1", "id");
  transaction.run(sql,
                  {row[0].value_or(""), static_cast<int64_t>(why.code()), why.message(), now_ms});
}

class SqlStore final : public engine::JobStore {
 public:
  explicit SqlStore(std::unique_ptr<SqlDatabase> database) : database_(std::move(database)) {}

  Result<Job> create(const Job& job, int64_t capacity) override;
  Result<Job> find(const std::string& owner, const std::string& id) override;
  Result<std::optional<Job>> find_by_key(const std::string& owner,
                                         const std::string& idempotency_key) override;
  Result<JobPage> list(const JobQuery& query) override;
  Result<std::optional<Job>> claim(const std::string& server, int64_t now_ms,
                                   int64_t lease_until_ms) override;
  Result<Job> renew(const std::string& id, const std::string& server, int attempt,
                    int64_t lease_until_ms) override;
  Status finish(const Job& job) override;
  Status release(const std::string& id, const std::string& server, int attempt) override;
  Result<std::vector<Job>> recover(const std::string& server) override;
  Result<Job> cancel(const std::string& owner, const std::string& id, int64_t now_ms) override;
  Result<std::vector<std::string>> expire(int64_t now_ms, int64_t keep_ms) override;
  Status remove(const std::string& owner, const std::string& id) override;
  Result<int64_t> count_open() override;

 private:
  // What `body(transaction)` returns, once it is committed.
  template <typename T, typename Body>
  Result<T> in_transaction(Access access, Body body) {
    std::optional<T> answer;
    ZT_RETURN_IF_ERROR(database_->transact(
        access, [&](SqlTransaction& transaction) { answer.emplace(body(transaction)); }));
    return std::move(*answer);
  }

  std::unique_ptr<SqlDatabase> database_;
};

Result<Job> SqlStore::create(const Job& job, int64_t capacity) {
  static const std::string find_it =
      select_jobs("owner = $1 AND (id = $2 OR (idempotency_key <> '' AND idempotency_key = $3))");
  static const std::string count = fmt::format(
      "SELECT COUNT(*) FROM zoetrope_jobs WHERE {} AND (state = 'queued' OR server = $1)", kOpen);
  static const std::string insert = fmt::format(
      "INSERT INTO zoetrope_jobs ({}) VALUES "
      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
      job_columns());
  ZT_RETURN_IF_ERROR(check_storable(job));
  return in_transaction<Job>(Access::kWrite, [&](SqlTransaction& transaction) {
    if (const std::string& lock = database_->dialect().lock_creation; !lock.empty()) {
      transaction.run(lock);
    }
    const auto there = transaction.run(find_it, {job.owner, job.id, job.idempotency_key});
    if (!there.empty()) return job_of(there.front());
    const int64_t open = number_in(transaction.run(count, {job.server}).at(0).at(0));
    if (open >= capacity) {
      throw base::Error(base::resource_exhausted(
          fmt::format("busy: {} of {} places taken", open, std::max<int64_t>(capacity, 0))));
    }
    Job kept = job;
    kept.server.clear();
    transaction.run(insert, row_of(kept));
    kept.what.request.picture = {};
    return kept;
  });
}

Result<Job> SqlStore::find(const std::string& owner, const std::string& id) {
  static const std::string sql = select_jobs("owner = $1 AND id = $2");
  if (!is_storable(owner) || !is_storable(id)) return no_such_job(id);
  return in_transaction<Job>(Access::kRead, [&](SqlTransaction& transaction) {
    const auto rows = transaction.run(sql, {owner, id});
    if (rows.empty()) throw base::Error(no_such_job(id));
    return job_of(rows.front());
  });
}

Result<std::optional<Job>> SqlStore::find_by_key(const std::string& owner,
                                                 const std::string& idempotency_key) {
  static const std::string sql = select_jobs("owner = $1 AND idempotency_key = $2");
  if (idempotency_key.empty() || !is_storable(owner) || !is_storable(idempotency_key)) {
    return std::optional<Job>();
  }
  return in_transaction<std::optional<Job>>(Access::kRead, [&](SqlTransaction& transaction) {
    const auto rows = transaction.run(sql, {owner, idempotency_key});
    return rows.empty() ? std::nullopt : std::optional(job_of(rows.front()));
  });
}

Result<JobPage> SqlStore::list(const JobQuery& query) {
  static const std::string position =
      "SELECT created_ms, id FROM zoetrope_jobs WHERE owner = $1 AND id = $2";
  static const std::string newest = select_jobs(
      "owner = $1 AND (created_ms, id) < ($2, $3) ORDER BY created_ms DESC, id DESC LIMIT $4");
  static const std::string oldest =
      select_jobs("owner = $1 AND (created_ms, id) > ($2, $3) ORDER BY created_ms, id LIMIT $4");
  if (query.limit < 1) return base::invalid_argument("limit: must be at least 1");
  if (!is_storable(query.owner) || !is_storable(query.after)) return no_such_job(query.after);
  return in_transaction<JobPage>(Access::kRead, [&](SqlTransaction& transaction) {
    using Limits = std::numeric_limits<int64_t>;
    int64_t created_ms = query.newest_first ? Limits::max() : Limits::min();
    std::string id;
    if (!query.after.empty()) {
      const auto rows = transaction.run(position, {query.owner, query.after});
      if (rows.empty()) throw base::Error(no_such_job(query.after).with_context("after"));
      created_ms = number_in(rows[0].at(0));
      id = query.after;
    }
    const auto limit = static_cast<size_t>(query.limit);
    auto rows = transaction.run(query.newest_first ? newest : oldest,
                                {query.owner, created_ms, id, int64_t{query.limit} + 1});
    const bool has_more = rows.size() > limit;
    rows.resize(std::min(rows.size(), limit));
    return JobPage{.jobs = jobs_of(rows), .has_more = has_more};
  });
}

Result<std::optional<Job>> SqlStore::claim(const std::string& server, int64_t now_ms,
                                           int64_t lease_until_ms) {
  const std::string waiting = fmt::format(
      "SELECT id FROM zoetrope_jobs WHERE {} AND (state = 'queued' OR lease_until_ms < $2) "
      "ORDER BY created_ms, id LIMIT 1 {}",
      kOpen, database_->dialect().skip_locked);
  const std::string sql = update_jobs(
      "state = 'in_progress', server = $1, started_ms = $2, lease_until_ms = $3, "
      "attempt = attempt + 1",
      fmt::format("id = ({})", waiting));
  return in_transaction<std::optional<Job>>(
      Access::kWrite, [&](SqlTransaction& transaction) -> std::optional<Job> {
        while (true) {
          const auto rows = transaction.run(sql, {server, now_ms, lease_until_ms});
          if (rows.empty()) return std::nullopt;
          try {
            return job_of(rows.front());
          } catch (const base::Error& error) {
            bury(transaction, rows.front(), error.status(), now_ms);
          }
        }
      });
}

Result<Job> SqlStore::renew(const std::string& id, const std::string& server, int attempt,
                            int64_t lease_until_ms) {
  static const std::string sql = update_jobs(
      "lease_until_ms = $4", "id = $1 AND server = $2 AND attempt = $3 AND state = 'in_progress'");
  return in_transaction<Job>(Access::kWrite, [&](SqlTransaction& transaction) {
    const auto rows = transaction.run(sql, {id, server, int64_t{attempt}, lease_until_ms});
    if (rows.empty()) throw base::Error(not_running(id, server, attempt));
    return job_of(rows.front());
  });
}

Status SqlStore::finish(const Job& job) {
  static const std::string sql = update_jobs(
      "state = $4, finished_ms = $5, expires_ms = $6, report = $7, error_code = $8, "
      "error_message = $9, lease_until_ms = 0",
      "id = $1 AND server = $2 AND attempt = $3 AND state = 'in_progress'", "id");
  static const std::string done_before =
      "SELECT id FROM zoetrope_jobs "
      "WHERE id = $1 AND server = $2 AND attempt = $3 AND state = $4 AND finished_ms = $5";
  if (!is_final(job.state)) return base::invalid_argument("state: must be final");
  std::vector<SqlValue> values = {job.id, job.server, int64_t{job.attempt}};
  for (SqlValue& value : outcome_of(job)) values.push_back(std::move(value));
  return database_->transact(Access::kWrite, [&](SqlTransaction& transaction) {
    if (!transaction.run(sql, values).empty()) return;
    const std::vector<SqlValue> same(values.begin(), values.begin() + 5);
    if (transaction.run(done_before, same).empty()) {
      throw base::Error(not_running(job.id, job.server, job.attempt));
    }
  });
}

Status SqlStore::release(const std::string& id, const std::string& server, int attempt) {
  static const std::string sql =
      update_jobs("state = 'queued', server = '', lease_until_ms = 0",
                  "id = $1 AND server = $2 AND attempt = $3 AND state = 'in_progress'", "id");
  return database_->transact(Access::kWrite, [&](SqlTransaction& transaction) {
    if (transaction.run(sql, {id, server, int64_t{attempt}}).empty()) {
      throw base::Error(not_running(id, server, attempt));
    }
  });
}

Result<std::vector<Job>> SqlStore::recover(const std::string& server) {
  static const std::string sql = update_jobs("state = 'queued', server = '', lease_until_ms = 0",
                                             "state = 'in_progress' AND server = $1");
  return in_transaction<std::vector<Job>>(Access::kWrite, [&](SqlTransaction& transaction) {
    std::vector<Job> jobs;
    for (const SqlRow& row : transaction.run(sql, {server})) {
      try {
        jobs.push_back(job_of(row));
      } catch (const base::Error&) {
        // Left among those that wait: claim() finds it damaged and, knowing the time, buries it.
      }
    }
    std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
      return std::pair(a.created_ms, a.id) < std::pair(b.created_ms, b.id);
    });
    return jobs;
  });
}

Result<Job> SqlStore::cancel(const std::string& owner, const std::string& id, int64_t now_ms) {
  // One statement: a job that a server claims meanwhile is in one state or in the other.
  static const std::string sql = update_jobs(
      "cancel_requested = 1, "
      "finished_ms = CASE WHEN state = 'queued' THEN $3 ELSE finished_ms END, "
      "expires_ms = CASE WHEN state = 'queued' AND expires_ms = 0 THEN $3 ELSE expires_ms END, "
      "state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END",
      fmt::format("owner = $1 AND id = $2 AND {}", kOpen));
  static const std::string as_it_is = select_jobs("owner = $1 AND id = $2");
  if (!is_storable(owner) || !is_storable(id)) return no_such_job(id);
  return in_transaction<Job>(Access::kWrite, [&](SqlTransaction& transaction) {
    auto rows = transaction.run(sql, {owner, id, now_ms});
    if (rows.empty()) rows = transaction.run(as_it_is, {owner, id});
    if (rows.empty()) throw base::Error(no_such_job(id));
    return job_of(rows.front());
  });
}

Result<std::vector<std::string>> SqlStore::expire(int64_t now_ms, int64_t keep_ms) {
  // In this order, so that every job is reported as expired before it is forgotten.
  static const std::string forget =
      "DELETE FROM zoetrope_jobs WHERE state = 'expired' AND expires_ms <= $1";
  static const std::string turn = update_jobs(
      "state = 'expired'",
      "state IN ('completed', 'failed', 'cancelled') AND expires_ms <> 0 AND expires_ms <= $1",
      "id");
  return in_transaction<std::vector<std::string>>(Access::kWrite, [&](SqlTransaction& transaction) {
    transaction.run(forget, {now_ms - keep_ms});
    std::vector<std::string> ids;
    for (const SqlRow& row : transaction.run(turn, {now_ms})) ids.push_back(row[0].value_or(""));
    return ids;
  });
}

Status SqlStore::remove(const std::string& owner, const std::string& id) {
  static const std::string sql = fmt::format(
      "DELETE FROM zoetrope_jobs WHERE owner = $1 AND id = $2 AND NOT {} RETURNING id", kOpen);
  static const std::string is_there = "SELECT id FROM zoetrope_jobs WHERE owner = $1 AND id = $2";
  if (!is_storable(owner) || !is_storable(id)) return no_such_job(id);
  return database_->transact(Access::kWrite, [&](SqlTransaction& transaction) {
    if (!transaction.run(sql, {owner, id}).empty()) return;
    if (transaction.run(is_there, {owner, id}).empty()) throw base::Error(no_such_job(id));
    throw base::Error(base::failed_precondition(fmt::format("id: job {} is not final", id)));
  });
}

Result<int64_t> SqlStore::count_open() {
  static const std::string sql = fmt::format("SELECT COUNT(*) FROM zoetrope_jobs WHERE {}", kOpen);
  return in_transaction<int64_t>(Access::kRead, [&](SqlTransaction& transaction) {
    return number_in(transaction.run(sql).at(0).at(0));
  });
}

}  // namespace

std::unique_ptr<engine::JobStore> make_sql_store(std::unique_ptr<SqlDatabase> database) {
  return std::make_unique<SqlStore>(std::move(database));
}

}  // namespace zoetrope::store
