// A PostgreSQL of a test's own: in a temporary folder, on a Unix socket, gone with its object.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace zoetrope::store::testing {

class PostgresServer {
 public:
  static bool is_installed();

  // Makes a cluster and starts it. Throws std::runtime_error with what went wrong.
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // As in a crash: connections break, nothing is written out.
  void kill();
  // Returns when it answers.
  void start();

  // A URL under which nothing is there yet.
  std::string make_schema();

 private:
  std::string url() const;
  pid_t launch(const std::vector<std::string>& command) const;

  test_support::TemporaryFolder folder_;
  pid_t server_ = -1;
  int schemas_ = 0;
};

// One that all tests of the process share, for those that do not harm it.
PostgresServer& shared_postgres();

}  // namespace zoetrope::store::testing
