// What the SQL store asks of a database; SQLite and PostgreSQL answer. Statements are written in
// what both understand: parameters $1, $2, ..., BIGINT and TEXT, RETURNING, row comparison.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace zoetrope::store {

using SqlValue = std::variant<std::monostate, int64_t, std::string>;  // NULL, a number, a text
using SqlRow = std::vector<std::optional<std::string>>;               // as text; empty = NULL

// A transaction that runs. Belongs to one thread.
class SqlTransaction {
 public:
  virtual ~SqlTransaction() = default;
  // Every statement has its parameters each at least once. Throws base::Error.
  virtual std::vector<SqlRow> run(const std::string& sql,
                                  const std::vector<SqlValue>& parameters = {}) = 0;
};

// Where the two differ.
struct SqlDialect {
  std::string lock_creation;  // a statement: until the transaction ends, no other one passes here
  std::string skip_locked;    // end of a SELECT whose row is to be changed
};

class SqlDatabase {
 public:
  enum class Access { kRead, kWrite };

  virtual ~SqlDatabase() = default;
  virtual const SqlDialect& dialect() const = 0;
  // Runs `body` in one transaction and commits it; rolls back if it throws base::Error, which is
  // then the answer. `body` may run twice (a connection turned out to be dead): it starts anew each
  // time. Any thread may call. kUnavailable, kDataLoss: the database.
  virtual base::Status transact(Access access,
                                const std::function<void(SqlTransaction&)>& body) = 0;
};

}  // namespace zoetrope::store
