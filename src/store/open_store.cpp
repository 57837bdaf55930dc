#include "store/open_store.h"

#include <string_view>

#include "store/memory_store.h"
#include "store/postgres.h"
#include "store/sql_store.h"
#include "store/sqlite.h"

namespace zoetrope::store {

using base::Result;

Result<std::unique_ptr<engine::JobStore>> open_store(const std::string& where) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (where == "memory") return make_memory_store();
  if (where.starts_with("postgresql://") || where.starts_with("postgres://")) {
    ZT_ASSIGN_OR_RETURN(auto database, open_postgres(where));
    return make_sql_store(std::move(database));
  }
  const std::string file = where.starts_with(kSqlite) ? where.substr(kSqlite.size()) : where;
  if (file.empty()) {
    return base::invalid_argument("store: must be \"memory\", a file, or \"postgresql://...\"");
  }
  if (file.find("://") != std::string::npos) {
    return base::invalid_argument("store: \"" + file.substr(0, file.find("://")) +
                                  "\" is not known; must be \"memory\", a file, or "
                                  "\"postgresql://...\"");
  }
  ZT_ASSIGN_OR_RETURN(auto database, open_sqlite(file));
  return make_sql_store(std::move(database));
}

}  // namespace zoetrope::store
