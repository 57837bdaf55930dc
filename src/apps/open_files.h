// How many files and connections this process may have open.
#pragma once

namespace zoetrope::apps {

// Raises the limit as far as the system lets it (shells often start with 1,024), and returns it.
int raise_open_file_limit();

}  // namespace zoetrope::apps
