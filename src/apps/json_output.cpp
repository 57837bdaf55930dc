#include "apps/json_output.h"

#include <cstdio>
#include <string>

namespace zoetrope::apps {

void print_json(const nlohmann::json& value) {
  const std::string text =
      value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace zoetrope::apps
