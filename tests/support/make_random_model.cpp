// make_random_model DIR: writes a tiny model with random weights (random_model.h).
#include <cstdio>

#include "base/status.h"
#include "support/random_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_random_model DIR\n");
    return 2;
  }
  try {
    zoetrope::test_support::write_random_model(argv[1]);
  } catch (const zoetrope::base::Error& error) {
    std::fprintf(stderr, "make_random_model: %s\n", error.what());
    return 1;
  }
  return 0;
}
