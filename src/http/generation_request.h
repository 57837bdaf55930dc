// From the fields of a request to engine::JobRequest. The engine checks what depends on the model
// (engine::resolve); here are types, names, shapes and limits, and the picture is decoded.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/api/job.h"
#include "http/form.h"

namespace zoetrope::http {

// What requests are read against.
struct RequestRules {
  std::string model;  // the name clients know
  engine::ModelDefaults defaults;
  int64_t picture_bytes = 0;
  int64_t picture_pixels = 0;
  int max_side = 0;
  std::chrono::seconds max_deadline{};
};

struct GenerationRequest {
  engine::JobRequest what;
  std::optional<std::chrono::milliseconds> deadline;
  bool answer_with_url = false;  // of pictures: a URL each instead of base64
};

// `seed` is taken where the request has none. kInvalidArgument: one line that starts with the
// field's name. kNotFound: the model's name.
base::Result<GenerationRequest> parse_video_request(const Form& form, const RequestRules& rules,
                                                    uint64_t seed);
base::Result<GenerationRequest> parse_image_edit(const Form& form, const RequestRules& rules,
                                                 uint64_t seed);
base::Result<GenerationRequest> parse_image_generation(const Form& form, const RequestRules& rules,
                                                       uint64_t seed);

// The longer side that `size` ("WxH", "auto") asks for; nothing for "auto". kInvalidArgument.
base::Result<std::optional<int>> parse_size(const std::string& size, const RequestRules& rules);

inline constexpr size_t kMaxPromptBytes = 32'000;            // OpenAI's limit, in characters
inline constexpr int64_t kMaxSeed = (int64_t{1} << 53) - 1;  // what JavaScript holds exactly
inline constexpr int kMaxImages = 10;
inline constexpr double kMaxGuidance = 50;

}  // namespace zoetrope::http
