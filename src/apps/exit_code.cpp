#include "apps/exit_code.h"

#include <cerrno>
#include <cstdio>

#include "apps/json_output.h"

namespace zoetrope::apps {
namespace {

void print(const base::Status& status, Output output) {
  std::fprintf(stderr, "%s: %s\n", program_name(), status.message().c_str());
  if (output == Output::kJson) {
    print_json(
        {{"error", {{"code", base::to_string(status.code())}, {"message", status.message()}}}});
  }
}

}  // namespace

const char* program_name() { return program_invocation_short_name; }

int fail(const base::Status& status, Output output) {
  print(status, output);
  return status.code() == base::StatusCode::kCancelled ? kExitInterrupted : kExitFailed;
}

int fail_usage(const base::Status& status, Output output) {
  print(status, output);
  return kExitUsage;
}

void warn(const std::string& message) {
  std::fprintf(stderr, "%s: warning: %s\n", program_name(), message.c_str());
}

}  // namespace zoetrope::apps
