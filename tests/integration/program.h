// Runs the real zoetrope binary and captures what it says.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace zoetrope::integration {

struct Outcome {
  int exit_code = -1;  // 128 + n when signal n ended the process
  std::string out;
  std::string err;
};

struct Launch {
  std::vector<std::string> arguments;                   // any bytes
  std::map<std::string, std::string> environment = {};  // on top of the test's own
  std::filesystem::path folder = {};  // working directory; the test's own if empty
  int terminal_columns = 0;           // if not 0, stderr is a terminal of this width
};

// A started program; wait() must be called once.
class Program {
 public:
  explicit Program(const Launch& launch);
  // Blocks until stderr holds `text`, or the program has ended.
  bool wait_for_stderr(const std::string& text);
  const std::string& stderr_so_far() const { return err_so_far_; }
  void send_signal(int number) const;
  Outcome wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  std::string err_so_far_;
};

Outcome run(const Launch& launch);
inline Outcome run(std::vector<std::string> arguments) { return run(Launch{std::move(arguments)}); }

}  // namespace zoetrope::integration
