// The web page and the API page: static files built into the binary. Nothing is allocated, every
// view lives as long as the process, any thread may ask.
//
// What the page needs of its server:
// - GET on every path that find() knows, without a key: the page itself asks for the key. The ETag
//   goes out with "Cache-Control: no-cache", and If-None-Match is answered with 304.
// - kContentSecurityPolicy on these files.
// - GET /v1/models, whose entry says what the model can do. Beside OpenAI's fields:
//     "tasks":    ["image_to_video", ...]; the first is what the model is for
//     "defaults": what a request takes when it says nothing, under the names of the request:
//                 size, num_frames, fps, num_inference_steps, guidance_scale,
//                 image_guidance_scale, motion, quality, tier, output_format
//     "limits":   {"<field>": {"min": .., "max": ..} or a list of values}: a field that the model
//                 does not have is not there. "fast" in it holds those of the distilled student.
#pragma once

#include <optional>
#include <string_view>

namespace zoetrope::web {

// Everything comes from this server; a result and a picked picture are shown from blobs.
inline constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

struct File {
  std::string_view bytes;
  std::string_view media_type;  // "text/html; charset=utf-8"
  std::string_view etag;        // with its quotes
};

// `path` as it stands in the request line, without a query: "/", "/docs", "/assets/app.js".
std::optional<File> find(std::string_view path);

}  // namespace zoetrope::web
