// A process that this one started: its output in a file, its end with ours at the latest.
// Owned by one thread, which must be the one that outlives all children: the kernel ends a child
// when the thread that started it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::base {

class Child {
 public:
  // `command[0]` is a path, or a name that is looked for in PATH. Its output is added to `log`.
  static Result<Child> start(const std::vector<std::string>& command,
                             const std::filesystem::path& log);
  Child(Child&& other) noexcept
      : name_(std::move(other.name_)), pid_(other.pid_), exit_code_(other.exit_code_) {
    other.pid_ = 0;
  }
  Child& operator=(Child&& other) noexcept;
  ~Child();  // kills it

  bool running();
  // Of a child that runs no longer: what it returned, 128 and the signal that ended it, 127 if it
  // could not start (as shells have it).
  int exit_code() const { return exit_code_; }
  // SIGTERM, and SIGKILL after `patience`.
  void stop(std::chrono::milliseconds patience);
  // SIGKILL: as a crash.
  void kill();
  pid_t pid() const { return pid_; }
  const std::string& name() const { return name_; }

 private:
  // After waitpid() has told its end.
  void ended(int status);
  Child(std::string name, pid_t pid) : name_(std::move(name)), pid_(pid) {}

  std::string name_;
  pid_t pid_;  // 0: has ended and was waited for
  int exit_code_ = 0;
};

// The last line of a log that says something.
std::string last_line(const std::filesystem::path& log);

}  // namespace zoetrope::base
