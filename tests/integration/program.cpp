#include "integration/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace zoetrope::integration {
namespace {

struct Pipe {
  int read = -1, write = -1;
};

Pipe make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  return {ends[0], ends[1]};
}

// What is written to a terminal is read from its other side, with "\r\n" at the ends of lines.
Pipe make_terminal(int columns) {
  const int reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (reader < 0 || grantpt(reader) != 0 || unlockpt(reader) != 0) abort();
  winsize size{};
  size.ws_row = 24;
  size.ws_col = static_cast<uint16_t>(columns);
  if (ioctl(reader, TIOCSWINSZ, &size) != 0) abort();
  const int writer = open(ptsname(reader), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (writer < 0) abort();
  return {reader, writer};
}

// Appends what can be read now; false at the end of the file (for a terminal: an error).
bool drain(int fd, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(fd, buffer, sizeof(buffer));
  if (count > 0) text.append(buffer, static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

Program::Program(const Launch& launch) {
  const Pipe out = make_pipe();
  const Pipe err =
      launch.terminal_columns > 0 ? make_terminal(launch.terminal_columns) : make_pipe();
  std::vector<char*> arguments = {const_cast<char*>(ZOETROPE_BINARY)};
  for (const std::string& argument : launch.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(out.write, STDOUT_FILENO);
    dup2(err.write, STDERR_FILENO);
    for (const auto& [name, value] : launch.environment) setenv(name.c_str(), value.c_str(), 1);
    if (!launch.folder.empty() && chdir(launch.folder.c_str()) != 0) _exit(126);
    execv(ZOETROPE_BINARY, arguments.data());
    _exit(127);
  }
  close(out.write);
  close(err.write);
  out_ = out.read;
  err_ = err.read;
}

bool Program::wait_for_stderr(const std::string& text) {
  while (err_so_far_.find(text) == std::string::npos) {
    if (!drain(err_, err_so_far_)) return false;
  }
  return true;
}

void Program::send_signal(int number) const { kill(pid_, number); }

Outcome Program::wait() {
  Outcome outcome;
  pollfd open[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (poll(open, 2, -1) < 0) break;
    for (int i = 0; i < 2; ++i) {
      if (open[i].revents == 0) continue;
      if (!drain(open[i].fd, i == 0 ? outcome.out : err_so_far_)) open[i].fd = -1;
    }
  }
  close(out_);
  close(err_);
  int status = 0;
  waitpid(pid_, &status, 0);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.err = std::move(err_so_far_);
  return outcome;
}

Outcome run(const Launch& launch) { return Program(launch).wait(); }

}  // namespace zoetrope::integration
