// A PostgreSQL database that several servers may share.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/sql.h"

namespace zoetrope::store {

// `url`: postgresql://user:password@host:port/database?parameters, as of libpq. Makes the tables if
// they are not there; many may do so at once. A call takes a connection that is idle or opens one,
// so as many are open as calls ran at one time. Connections that died (the server was restarted)
// are replaced. Errors as of open_store(); none shows the password.
base::Result<std::unique_ptr<SqlDatabase>> open_postgres(const std::string& url);

}  // namespace zoetrope::store
