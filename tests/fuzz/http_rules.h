// The rules that fuzzed requests are read against, and what holds for each.
#pragma once

#include <cstdint>

#include "fuzz_check.h"
#include "http/api_error.h"
#include "http/form.h"
#include "http/generation_request.h"

namespace zoetrope::fuzz {

inline http::RequestRules rules() {
  using engine::Task;
  http::RequestRules rules;
  rules.model = "animate";
  rules.defaults.tasks = {Task::kImageToVideo, Task::kImageToImage, Task::kTextToImage};
  rules.defaults.width = rules.defaults.height = 128;
  rules.picture_bytes = 1 << 20;
  rules.picture_pixels = 1 << 16;
  rules.max_side = 1024;
  rules.max_deadline = std::chrono::seconds(600);
  return rules;
}

// Reads the form as the request that `which` picks: refused in one line that makes a proper error,
// or within the rules.
inline void check_request(const http::Form& form, std::uint8_t which) {
  constexpr decltype(&http::parse_video_request) kParsers[] = {
      http::parse_video_request, http::parse_image_edit, http::parse_image_generation};
  const http::RequestRules limits = rules();
  const auto request = kParsers[which % 3](form, limits, 7);
  if (!request.ok()) {
    check_refusal(request.status());
    const http::ApiError error = http::api_error(request.status());
    check(error.status == 400 || error.status == 404, "a refusal that blames the server");
    check(!error.param.empty(), "a refusal that names no field");
    check(!http::error_body(error).empty(), "an error without a body");
    return;
  }
  const engine::JobRequest& what = request->what;
  check(!what.request.prompt.empty(), "an empty prompt got in");
  check(what.request.seed <= static_cast<std::uint64_t>(http::kMaxSeed), "a seed too large");
  check(what.count >= 1 && what.count <= http::kMaxImages, "a count out of range");
  check(what.compression >= 1 && what.compression <= 100, "a compression out of range");
  check(!what.request.size || (*what.request.size >= 16 && *what.request.size <= limits.max_side),
        "a size out of range");
  const auto pixels =
      static_cast<std::int64_t>(what.request.picture.width) * what.request.picture.height;
  check(pixels <= limits.picture_pixels, "a picture over the limit");
}

}  // namespace zoetrope::fuzz
