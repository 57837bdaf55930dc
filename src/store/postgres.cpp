#include "store/postgres.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string_view>
#include <utility>

#include "store/job_row.h"
#include "store/pqxx.h"
#include "store/schema.h"

namespace zoetrope::store {
namespace {

using base::Result;
using base::Status;

constexpr size_t kMostParameters = 19;  // of one statement: the columns of a job
constexpr size_t kMostIdle = 8;         // connections

// No call hangs for long, whatever the server or the network does. SET LOCAL and not once a
// connection: libpqxx 6 may have replaced it, and a pooler in front may have given us another one.
constexpr const char* kTimeouts =
    "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '10s'";

// Two numbers nobody else uses, for as long as a transaction lasts.
constexpr const char* kLockCreation = "SELECT pg_advisory_xact_lock(7421180, 1)";
constexpr const char* kLockSchema = "SELECT pg_advisory_xact_lock(7421180, 2)";

// libpqxx 6 and 7 have different lists of parameters of unknown length, but both take arguments.
template <size_t... I>
pqxx::result run_with(pqxx::work& work, const std::string& sql,
                      const std::vector<const char*>& values, std::index_sequence<I...>) {
  return work.exec_params(sql, values[I]...);
}

template <size_t N = 1>
pqxx::result run_with_all(pqxx::work& work, const std::string& sql,
                          const std::vector<const char*>& values) {
  if constexpr (N < kMostParameters) {
    if (values.size() > N) return run_with_all<N + 1>(work, sql, values);
  }
  return run_with(work, sql, values, std::make_index_sequence<N>());
}

class PostgresTransaction final : public SqlTransaction {
 public:
  explicit PostgresTransaction(pqxx::work& work) : work_(work) {}

  std::vector<SqlRow> run(const std::string& sql,
                          const std::vector<SqlValue>& parameters) override {
    std::vector<std::optional<std::string>> texts(parameters.size());
    std::vector<const char*> values(parameters.size(), nullptr);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (const auto* number = std::get_if<int64_t>(&parameters[i])) {
        texts[i] = fmt::to_string(*number);
      } else if (const auto* text = std::get_if<std::string>(&parameters[i])) {
        texts[i] = *text;
      }
      if (texts[i]) values[i] = texts[i]->c_str();
    }
    const pqxx::result result = values.empty() ? work_.exec(sql) : run_with_all(work_, sql, values);
    std::vector<SqlRow> rows;
    rows.reserve(static_cast<size_t>(result.size()));
    for (const auto& found : result) {
      SqlRow& row = rows.emplace_back();
      for (const auto& field : found) {
        row.push_back(field.is_null() ? std::nullopt : std::optional<std::string>(field.c_str()));
      }
    }
    return rows;
  }

 private:
  pqxx::work& work_;
};

Status failure(const std::exception& error) {
  std::string line = error.what();
  line.erase(line.find_last_not_of(" \n") + 1);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return base::unavailable(fmt::format("postgresql: {}", storable(line)));
}

// Nothing of the transaction was kept, and the same on a new connection may well succeed.
bool is_worth_another_try(const std::exception& error, const pqxx::connection& connection) {
  if (!connection.is_open()) return true;
  if (dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr) return true;
  if (dynamic_cast<const pqxx::transaction_rollback*>(&error) != nullptr) return true;  // deadlock
  const auto* refused = dynamic_cast<const pqxx::sql_error*>(&error);
  // 57P: the server is going down or coming up; 08: the connection.
  return refused != nullptr &&
         (refused->sqlstate().starts_with("57P") || refused->sqlstate().starts_with("08"));
}

class PostgresDatabase final : public SqlDatabase {
 public:
  explicit PostgresDatabase(std::string url) : url_(std::move(url)) {}

  const SqlDialect& dialect() const override { return dialect_; }

  Status transact(Access /*access*/, const std::function<void(SqlTransaction&)>& body) override {
    bool again = false;
    Status status = try_once(body, again);
    if (!again) return status;
    // What else is idle died with it, most likely.
    drop_idle();
    return try_once(body, again);
  }

 private:
  using Connection = std::unique_ptr<pqxx::connection>;

  Status try_once(const std::function<void(SqlTransaction&)>& body, bool& again) {
    again = false;
    Connection connection;
    bool committing = false;
    try {
      connection = take();
      {
        pqxx::work work(*connection);
        PostgresTransaction transaction(work);
        transaction.run(kTimeouts, {});
        body(transaction);
        committing = true;
        work.commit();
      }
      give_back(std::move(connection));
      return {};
    } catch (const base::Error& error) {
      give_back(std::move(connection));
      return error.status();
    } catch (const std::exception& error) {
      // Once COMMIT was sent nobody knows whether it was done: never twice.
      again = connection && !committing && is_worth_another_try(error, *connection);
      return failure(error);
    }
  }

  Connection take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Connection connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return std::make_unique<pqxx::connection>(url_);
  }

  void give_back(Connection connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
  }

  void drop_idle() {
    std::vector<Connection> dropped;  // closed outside the lock
    const std::lock_guard lock(mutex_);
    dropped.swap(idle_);
  }

  const SqlDialect dialect_ = {.lock_creation = kLockCreation,
                               .skip_locked = "FOR UPDATE SKIP LOCKED"};
  const std::string url_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

// A dead host is noticed in seconds and not in hours, unless the URL says otherwise.
std::string with_defaults(std::string url) {
  constexpr std::array<std::string_view, 6> kDefaults = {
      "connect_timeout=5",  "keepalives_idle=10",     "keepalives_interval=5",
      "keepalives_count=3", "tcp_user_timeout=20000", "client_encoding=UTF8"};
  for (const std::string_view setting : kDefaults) {
    const std::string_view name = setting.substr(0, setting.find('=') + 1);
    if (url.find(name) != std::string::npos) continue;
    url += url.find('?') == std::string::npos ? '?' : '&';
    url += setting;
  }
  return url;
}

void set_up(SqlTransaction& transaction) {
  transaction.run(kLockSchema);
  const std::string encoding = transaction.run("SHOW server_encoding").at(0).at(0).value_or("");
  if (encoding != "UTF8") {
    throw base::Error(base::failed_precondition(
        fmt::format("postgresql: the database's encoding is {}, it must be UTF8", encoding)));
  }
  const bool is_new = !transaction.run("SELECT to_regclass('zoetrope_schema')").at(0).at(0);
  if (is_new) {
    transaction.run("CREATE TABLE zoetrope_schema (version BIGINT NOT NULL)");
    transaction.run("INSERT INTO zoetrope_schema VALUES (0)");
  }
  const int64_t have =
      number_in(transaction.run("SELECT version FROM zoetrope_schema").at(0).at(0));
  try {
    migrate(transaction, have);
  } catch (const base::Error& error) {
    throw base::Error(error.status().with_context("postgresql"));
  }
  if (have != schema_version()) {
    transaction.run("UPDATE zoetrope_schema SET version = $1", {schema_version()});
  }
}

}  // namespace

Result<std::unique_ptr<SqlDatabase>> open_postgres(const std::string& url) {
  auto database = std::make_unique<PostgresDatabase>(with_defaults(url));
  ZT_RETURN_IF_ERROR(database->transact(SqlDatabase::Access::kWrite, set_up));
  return std::unique_ptr<SqlDatabase>(std::move(database));
}

}  // namespace zoetrope::store
