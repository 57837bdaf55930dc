// Pictures inside a request: a file part, a data URL, or plain base64.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/form.h"
#include "http/generation_request.h"
#include "media/image.h"

namespace zoetrope::http {

// The one picture among the fields of these names. What it is, is decided by decoding it. Nothing
// if there is none; a failure is left in `reader`.
std::optional<media::Image> read_sent_picture(FormReader& reader,
                                              const std::vector<std::string_view>& names,
                                              const RequestRules& rules);

}  // namespace zoetrope::http
