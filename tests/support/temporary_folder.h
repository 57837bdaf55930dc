// A folder of its own for a test, removed with everything in it.
#pragma once

#include "base/temporary_folder.h"

namespace zoetrope::test_support {

using base::TemporaryFolder;

}  // namespace zoetrope::test_support
