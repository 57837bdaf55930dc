// A JSON-lines file and the fields that a data set has.
#include <cstdint>

#include "weights/json_lines.h"

#include "fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto objects = weights::parse_json_lines(text, "fuzz");
  if (!objects.ok()) {
    fuzz::check_refusal(objects.status());
    return 0;
  }
  for (const weights::JsonObject& object : *objects) {
    fuzz::check(object.source().starts_with("fuzz:"), "an object does not know its line");
    try {
      static_cast<void>(object.get<std::int64_t>("index", 0));
      static_cast<void>(object.get<int>("skin_tone", 0));
      static_cast<void>(object.get<double>("seconds", 0));
      static_cast<void>(object.get<bool>("animated", false));
      static_cast<void>(object.get<std::vector<std::string>>("keywords", {}));
      static_cast<void>(object.require<std::string>("caption"));
    } catch (const base::Error& error) {
      fuzz::check_refusal(error.status());
    }
  }
  return 0;
}
