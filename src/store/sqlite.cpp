#include "store/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include "media/file.h"
#include "store/job_row.h"
#include "store/schema.h"

namespace zoetrope::store {
namespace {

using base::Result;
using base::Status;

constexpr int kBusyTimeout_ms = 2000;           // of readers that are not ours: a backup, the shell
constexpr int64_t kApplicationId = 0x5a6f6574;  // "Zoet": the file says that it is ours

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Status status_of(sqlite3* connection, const std::filesystem::path& file) {
  const int code = sqlite3_extended_errcode(connection);
  const auto say = [&](base::StatusCode status, std::string_view what) {
    return Status(status, fmt::format("{}: {}", file.string(), what));
  };
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return say(base::StatusCode::kDataLoss, "no SQLite database");
    case SQLITE_CORRUPT:
      return say(base::StatusCode::kDataLoss, sqlite3_errmsg(connection));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(base::StatusCode::kUnavailable, "locked by another program");
    case SQLITE_FULL:
      return say(base::StatusCode::kUnavailable, "no space left on device");
    case SQLITE_READONLY:
      return say(base::StatusCode::kUnavailable, "cannot be written to");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (const int error = sqlite3_system_errno(connection); error != 0) {
        return {base::StatusCode::kUnavailable, media::file_error(error, file).message()};
      }
      [[fallthrough]];
    default:
      return say(base::StatusCode::kUnavailable, sqlite3_errmsg(connection));
  }
}

// Lives as long as the connection; keeps the statements it has prepared.
class SqliteSession final : public SqlTransaction {
 public:
  SqliteSession(Connection connection, std::filesystem::path file)
      : connection_(std::move(connection)), file_(std::move(file)) {}

  std::vector<SqlRow> run(const std::string& sql,
                          const std::vector<SqlValue>& parameters) override {
    sqlite3_stmt* statement = prepared(sql);
    // Whatever happens, the statement must not stay open: it would hold its locks.
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> reset(statement, sqlite3_reset);
    bind(statement, parameters);
    std::vector<SqlRow> rows;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) rows.push_back(row_at(statement));
    if (code != SQLITE_DONE) throw base::Error(status_of(connection_.get(), file_));
    return rows;
  }

  bool in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }

 private:
  sqlite3_stmt* prepared(const std::string& sql) {
    Statement& kept = statements_[sql];
    if (!kept) {
      sqlite3_stmt* statement = nullptr;
      const int code =
          sqlite3_prepare_v3(connection_.get(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                             SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
      if (code != SQLITE_OK) throw base::Error(status_of(connection_.get(), file_));
      kept.reset(statement);
    }
    return kept.get();
  }

  void bind(sqlite3_stmt* statement, const std::vector<SqlValue>& parameters) {
    sqlite3_clear_bindings(statement);
    for (size_t i = 0; i < parameters.size(); ++i) {
      const int index = sqlite3_bind_parameter_index(statement, fmt::format("${}", i + 1).c_str());
      int code = SQLITE_OK;
      if (const auto* number = std::get_if<int64_t>(&parameters[i])) {
        code = sqlite3_bind_int64(statement, index, *number);
      } else if (const auto* text = std::get_if<std::string>(&parameters[i])) {
        code = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
      }
      if (code != SQLITE_OK) throw base::Error(status_of(connection_.get(), file_));
    }
  }

  static SqlRow row_at(sqlite3_stmt* statement) {
    SqlRow row(static_cast<size_t>(sqlite3_column_count(statement)));
    for (size_t i = 0; i < row.size(); ++i) {
      const int column = static_cast<int>(i);
      if (const auto* text = sqlite3_column_text(statement, column)) {
        row[i].emplace(reinterpret_cast<const char*>(text),
                       static_cast<size_t>(sqlite3_column_bytes(statement, column)));
      }
    }
    return row;
  }

  Connection connection_;
  std::filesystem::path file_;
  std::map<std::string, Statement> statements_;  // after connection_: must go before it
};

class SqliteDatabase final : public SqlDatabase {
 public:
  SqliteDatabase(std::unique_ptr<SqliteSession> session, media::FileDescriptor lock)
      : lock_(std::move(lock)), session_(std::move(session)) {}

  const SqlDialect& dialect() const override { return dialect_; }

  Status transact(Access access, const std::function<void(SqlTransaction&)>& body) override {
    const std::lock_guard lock(mutex_);
    try {
      // A write transaction takes its lock at the beginning: one that began as a reader can fail
      // when it turns into a writer.
      session_->run(access == Access::kWrite ? "BEGIN IMMEDIATE" : "BEGIN", {});
      body(*session_);
      session_->run("COMMIT", {});
      return {};
    } catch (const base::Error& error) {
      roll_back();
      return error.status();
    }
  }

 private:
  void roll_back() {
    try {
      if (session_->in_transaction()) session_->run("ROLLBACK", {});
    } catch (const base::Error&) {
      // Then SQLite has rolled back by itself.
    }
  }

  const SqlDialect dialect_;  // no other process, and one transaction at a time: nothing to lock
  media::FileDescriptor lock_;
  std::mutex mutex_;
  std::unique_ptr<SqliteSession> session_;
};

Result<media::FileDescriptor> lock_file(const std::filesystem::path& file) {
  const std::filesystem::path path = file.string() + ".lock";
  media::FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) {
    return Status(base::StatusCode::kUnavailable, media::file_error(errno, path).message());
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return base::unavailable(
        fmt::format("{}: another server uses it (it holds {})", file.string(), path.string()));
  }
  return lock;
}

int64_t number_of(SqlTransaction& transaction, const std::string& sql) {
  return number_in(transaction.run(sql).at(0).at(0));
}

void set_up(SqlDatabase& database, SqliteSession& session) {
  // With WAL a commit is one write and one sync; FULL: it is on the disk when COMMIT returns.
  if (session.run("PRAGMA journal_mode = WAL", {}).at(0).at(0) != "wal") {
    throw base::Error(base::unavailable("its file system cannot do write-ahead logging"));
  }
  session.run("PRAGMA synchronous = FULL", {});
  const Status status =
      database.transact(SqlDatabase::Access::kWrite, [](SqlTransaction& transaction) {
        const bool is_new = number_of(transaction, "SELECT COUNT(*) FROM sqlite_schema") == 0;
        if (!is_new && number_of(transaction, "PRAGMA application_id") != kApplicationId) {
          throw base::Error(base::data_loss("a database of another program"));
        }
        const int64_t have = is_new ? 0 : number_of(transaction, "PRAGMA user_version");
        migrate(transaction, have);
        if (have == schema_version()) return;
        transaction.run(fmt::format("PRAGMA application_id = {}", kApplicationId));
        transaction.run(fmt::format("PRAGMA user_version = {}", schema_version()));
      });
  if (!status.ok()) throw base::Error(status);
}

Status with_name(const Status& status, const std::string& name) {
  return status.message().starts_with(name) ? status : status.with_context(name);
}

}  // namespace

Result<std::unique_ptr<SqlDatabase>> open_sqlite(const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) {
    return base::unavailable(fmt::format("{}: is a folder", file.string()));
  }
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error) {
    return Status(base::StatusCode::kUnavailable,
                  media::file_error(error.value(), file.parent_path()).message());
  }
  ZT_ASSIGN_OR_RETURN(auto lock, lock_file(file));
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &opened,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(opened);
  if (code != SQLITE_OK) return status_of(connection.get(), file);
  if (sqlite3_db_readonly(connection.get(), "main") != 0) {
    return base::unavailable(fmt::format("{}: cannot be written to", file.string()));
  }
  sqlite3_busy_timeout(connection.get(), kBusyTimeout_ms);
  auto session = std::make_unique<SqliteSession>(std::move(connection), file);
  SqliteSession& borrowed = *session;
  auto database = std::make_unique<SqliteDatabase>(std::move(session), std::move(lock));
  try {
    set_up(*database, borrowed);
  } catch (const base::Error& failure) {
    return with_name(failure.status(), file.string());
  }
  return std::unique_ptr<SqlDatabase>(std::move(database));
}

}  // namespace zoetrope::store
