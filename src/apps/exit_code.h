// What the process returns to the shell, and the one line it leaves when something went wrong.
#pragma once

#include "base/status.h"

namespace zoetrope::apps {

inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells have it

enum class Output { kText, kJson };

// As it was started ("zoetrope"): what messages begin with.
const char* program_name();

// Prints "<program>: <message>" to stderr (and {"error": ...} to stdout for machines) and returns
// the exit code: kExitInterrupted for kCancelled, else kExitFailed.
int fail(const base::Status& status, Output output);

// The same for a wrong value of a flag: kExitUsage.
int fail_usage(const base::Status& status, Output output);

void warn(const std::string& message);

}  // namespace zoetrope::apps
