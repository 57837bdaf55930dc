// Time since the process was started, before main and the loading of libraries included.
#pragma once

namespace zoetrope::apps {

// Seconds, to a hundredth (the kernel's clock tick); 0 where /proc is missing.
double seconds_since_process_start();

}  // namespace zoetrope::apps
