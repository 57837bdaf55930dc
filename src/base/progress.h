// How long work reports where it is: a stage name and a count. The receiver decides whether that
// becomes a progress bar, a plain line, a JSON line or a server-sent event.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace zoetrope::base {

struct Progress {
  std::string_view stage;  // "denoise", "decode", ...; valid during the call only
  int64_t step = 0;        // steps done
  int64_t of = 0;          // steps in all; 0 = unknown
};

// Called on the thread that does the work; must be quick and must not throw. May be empty.
using ProgressSink = std::function<void(const Progress&)>;

inline void report(const ProgressSink& sink, std::string_view stage, int64_t step, int64_t of) {
  if (sink) sink(Progress{stage, step, of});
}

}  // namespace zoetrope::base
