// A process that the rehearsal started: its output in a file, its end with ours at the latest.
// Owned by one thread, which must be the one that outlives all children: the kernel ends a child
// when the thread that started it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::rehearsal {

class Child {
 public:
  // `command[0]` is a path, or a name that is looked for in PATH. Its output is added to `log`.
  static base::Result<Child> start(const std::vector<std::string>& command,
                                   const std::filesystem::path& log);
  Child(Child&& other) noexcept : name_(std::move(other.name_)), pid_(other.pid_) {
    other.pid_ = 0;
  }
  Child& operator=(Child&& other) noexcept;
  ~Child();  // kills it

  bool running();
  // SIGTERM, and SIGKILL after `patience`.
  void stop(std::chrono::milliseconds patience);
  // SIGKILL: as a crash.
  void kill();
  pid_t pid() const { return pid_; }
  const std::string& name() const { return name_; }

 private:
  Child(std::string name, pid_t pid) : name_(std::move(name)), pid_(pid) {}

  std::string name_;
  pid_t pid_;  // 0: has ended and was waited for
};

}  // namespace zoetrope::rehearsal
