#include "store/postgres_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "store/pqxx.h"

namespace zoetrope::store::testing {
namespace {

namespace fs = std::filesystem;

// The newest of Debian's places; empty if there is none.
fs::path find_programs() {
  fs::path newest;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    const fs::path programs = version.path() / "bin";
    if (fs::exists(programs / "initdb") && programs > newest) newest = programs;
  }
  return newest;
}

// PostgreSQL refuses root: who runs it then.
const passwd* other_user() {
  if (getuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

}  // namespace

bool PostgresServer::is_installed() { return !find_programs().empty(); }

PostgresServer::PostgresServer() {
  const passwd* user = other_user();
  if (user != nullptr && chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give the folder away");
  }
  const pid_t initdb = launch({"initdb", "-D", (folder_.path() / "data").string(), "-A", "trust",
                               "-U", "zoetrope", "--no-sync", "--locale=C", "-E", "UTF8"});
  int how = 0;
  waitpid(initdb, &how, 0);
  if (how != 0) throw std::runtime_error(fmt::format("initdb failed with {}", how));
  start();
}

PostgresServer::~PostgresServer() { kill(); }

void PostgresServer::kill() {
  if (server_ < 0) return;
  ::kill(server_, SIGQUIT);  // takes its children along at once; the next start has to recover
  waitpid(server_, nullptr, 0);
  server_ = -1;
}

void PostgresServer::start() {
  server_ =
      launch({"postgres", "-D", (folder_.path() / "data").string(), "-k", folder_.path().string(),
              "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"});
  for (int attempt = 0; attempt < 600; ++attempt) {
    try {
      const pqxx::connection answers(url());
      return;
    } catch (const std::exception&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  throw std::runtime_error("PostgreSQL does not answer");
}

std::string PostgresServer::make_schema() {
  const std::string name = fmt::format("test{}", ++schemas_);
  pqxx::connection connection(url());
  pqxx::nontransaction(connection).exec("CREATE SCHEMA " + name);
  return fmt::format("{}&options=-csearch_path%3D{}", url(), name);
}

std::string PostgresServer::url() const {
  return fmt::format("postgresql://zoetrope@/postgres?host={}", folder_.path().string());
}

pid_t PostgresServer::launch(const std::vector<std::string>& command) const {
  const std::string program = (find_programs() / command[0]).string();
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  // By its name alone PostgreSQL would look for itself and its other programs in PATH.
  arguments[0] = const_cast<char*>(program.c_str());
  arguments.push_back(nullptr);
  const passwd* user = other_user();
  const std::string log = (folder_.path() / "log").string();
  const pid_t child = fork();
  if (child != 0) return child;
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
    _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // a test that crashes leaves none behind
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  if (chdir("/") == 0) execv(program.c_str(), arguments.data());
  _exit(127);
}

PostgresServer& shared_postgres() {
  static PostgresServer one;
  return one;
}

}  // namespace zoetrope::store::testing
