#include "base/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

namespace zoetrope::base {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(5);
constexpr int kCannotStart = 127;  // as shells have it

// In the child, between fork and exec: nothing that takes a lock.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // the parent may wait for signals that it blocks
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotStart);  // it ended before prctl
  // Away from the terminal's group: Ctrl-C is for the parent, which ends its children itself.
  setpgid(0, 0);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  // Boost.Asio's sockets survive exec: a port of the parent's would stay open in here.
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execvp(arguments[0], arguments);
  _exit(kCannotStart);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& command,
                           const std::filesystem::path& log) {
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) {
    return unavailable(fmt::format("{}: {}", log.string(), std::strerror(errno)));
  }
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(arguments.data(), file, parent);
  close(file);
  if (pid < 0) return resource_exhausted(fmt::format("fork: {}", std::strerror(errno)));
  return Child(std::filesystem::path(command[0]).filename().string(), pid);
}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Child::~Child() { kill(); }

void Child::ended(int status) {
  pid_ = 0;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Child::running() {
  if (pid_ == 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  ended(status);
  return false;
}

void Child::stop(std::chrono::milliseconds patience) {
  if (!running()) return;
  ::kill(pid_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (running() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kPoll);
  kill();
}

void Child::kill() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  ended(status);
}

std::string last_line(const std::filesystem::path& log) {
  std::ifstream file(log);
  std::string last = "it is empty";
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace zoetrope::base
