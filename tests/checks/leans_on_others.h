// Not self-contained on purpose: the check that every header compiles alone must refuse it.
#pragma once

inline std::string greeting() { return "hello"; }
