// make_random_model DIR [bundled]: writes a model with random weights (random_model.h).
#include <cstdio>
#include <string_view>

#include "base/status.h"
#include "support/random_model.h"

int main(int argc, char** argv) {
  using zoetrope::test_support::ModelSize;
  const bool bundled = argc == 3 && std::string_view(argv[2]) == "bundled";
  if (argc != 2 && !bundled) {
    std::fprintf(stderr, "usage: make_random_model DIR [bundled]\n");
    return 2;
  }
  try {
    zoetrope::test_support::write_random_model(argv[1],
                                               bundled ? ModelSize::kBundled : ModelSize::kTiny);
  } catch (const zoetrope::base::Error& error) {
    std::fprintf(stderr, "make_random_model: %s\n", error.what());
    return 1;
  }
  return 0;
}
