// A file of API keys.
#include <cstdint>

#include "fuzz_check.h"
#include "http/key_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto keys = http::parse_keys(text, "keys");
  if (!keys.ok()) {
    fuzz::check_refusal(keys.status());
    fuzz::check(keys.status().message().starts_with("keys:"), "a refusal names no line");
    return 0;
  }
  for (const http::ApiKey& key : *keys) {
    fuzz::check(!key.name.empty() && key.hash.size() == 64, "half a key");
    fuzz::check(key.per_minute >= 0 && key.concurrency >= 0, "a limit below zero");
  }
  return 0;
}
