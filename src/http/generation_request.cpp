#include "http/generation_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "http/sent_picture.h"

namespace zoetrope::http {
namespace {

using base::Result;
using engine::OutputFormat;
using engine::Task;

// Fields of SGLang, vLLM-Omni and OpenAI that have no meaning here: whoever sends one by habit
// learns why, or what to use.
struct ForeignField {
  std::string_view name, why;
};
constexpr std::string_view kForeign = "has no meaning on this server";
constexpr ForeignField kForeignFields[] = {
    {"width", "use size, such as \"128x128\""},
    {"height", "use size, such as \"128x128\""},
    {"output_quality", "use output_compression"},
    {"reference_url", "this server fetches nothing; send the picture itself in input_reference"},
    {"url", "this server fetches nothing; send the picture itself"},
    {"image_reference", "use input_reference"},
    {"mask", "this model takes no mask"},
    {"partial_images", "follow GET /v1/jobs/{id}/events for previews"},
    {"video_reference", kForeign},
    {"audio_reference", kForeign},
    {"control_reference", kForeign},
    {"control_type", kForeign},
    {"guidance_scale_2", kForeign},
    {"boundary_ratio", kForeign},
    {"flow_shift", kForeign},
    {"generate_sound", kForeign},
    {"sound_duration", kForeign},
    {"enable_frame_interpolation", kForeign},
    {"frame_interpolation_exp", kForeign},
    {"frame_interpolation_scale", kForeign},
    {"frame_interpolation_model_path", kForeign},
    {"lora", kForeign},
    {"layers", kForeign},
    {"system_prompt", kForeign},
    {"use_system_prompt", kForeign},
    {"bot_task", kForeign},
    {"infer_align_image_size", kForeign},
    {"vae_use_slicing", kForeign},
    {"vae_use_tiling", kForeign},
    {"extra_params", kForeign},
    {"extra_body", "is merged by the client; send its fields themselves"},
    {"generator_device", kForeign},
    {"enable_teacache", "use tier \"balanced\""},
    {"diffusers_kwargs", kForeign},
    {"rollout", kForeign},
    {"rollout_sde_type", kForeign},
    {"output_path", "results are read from the API only"},
    {"style", kForeign},
    {"input_fidelity", kForeign},
};

bool can(const RequestRules& rules, Task task) {
  const auto& tasks = rules.defaults.tasks;
  return std::find(tasks.begin(), tasks.end(), task) != tasks.end();
}

// What OpenAI's clients may send and what changes nothing here.
void take_harmless(FormReader& reader) {
  reader.text("user", 512);
  reader.word("background", {"auto", "opaque"});
  reader.word("moderation", {"auto", "low"});
  if (reader.truth("stream").value_or(false)) {
    reader.fail("stream", "follow GET /v1/jobs/{id}/events instead");
  }
  for (const ForeignField& field : kForeignFields) reader.refuse(field.name, field.why);
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

struct Size {
  int width = 0;
  int height = 0;
};

// "1024x768"; nothing if it is no such text.
std::optional<Size> parse_sides(const std::string& text) {
  Size size;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, size.width);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != 'x') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, size.height);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  if (size.width < 1 || size.height < 1) return std::nullopt;
  return size;
}

std::string size_form(const RequestRules& rules) {
  return fmt::format("must be WIDTHxHEIGHT, such as {}x{}, or auto", rules.defaults.width,
                     rules.defaults.height);
}

// Of a model that makes many sizes.
void read_model_size(FormReader& reader, const RequestRules& rules, const std::string& text,
                     engine::Request& request) {
  if (text == "auto") return;
  const auto size = parse_sides(text);
  const int multiple = rules.defaults.size_multiple;
  if (!size) {
    reader.fail("size", size_form(rules));
  } else if (size->width % multiple != 0 || size->height % multiple != 0) {
    reader.fail("size", fmt::format("width and height must be multiples of {}", multiple));
  } else if (std::max(size->width, size->height) > rules.max_side) {
    reader.fail("size", fmt::format("the longer side may be at most {}", rules.max_side));
  } else {
    request.width = size->width;
    request.height = size->height;
  }
}

void read_size(FormReader& reader, const RequestRules& rules, engine::Request& request) {
  const auto text = reader.text("size", 32);
  if (!text) return;
  if (rules.defaults.size_multiple > 0) return read_model_size(reader, rules, *text, request);
  const auto size = parse_size(*text, rules);
  if (size.ok()) {
    request.size = *size;
  } else {
    reader.fail("size", size.status().message().substr(std::string_view("size: ").size()));
  }
}

// Goes with a picture only.
constexpr std::string_view kNoPicture = "goes with a picture; send both to POST /v1/images/edits";

// The fields that all three requests share.
void read_common(FormReader& reader, const RequestRules& rules, uint64_t seed,
                 GenerationRequest& read) {
  engine::Request& request = read.what.request;
  read.what.model = reader.text("model", 256).value_or(rules.model);
  const auto prompt = reader.text("prompt", kMaxPromptBytes);
  if (!prompt) {
    reader.fail("prompt", "is required");
  } else if (is_blank(*prompt)) {
    reader.fail("prompt", "is empty");
  } else {
    request.prompt = *prompt;
  }
  request.negative_prompt = reader.text("negative_prompt", kMaxPromptBytes);
  const auto given_seed = reader.whole("seed", 0, kMaxSeed);
  request.seed = given_seed ? static_cast<uint64_t>(*given_seed) : seed;
  if (const auto steps = reader.whole("num_inference_steps", 1, rules.defaults.max_steps)) {
    request.steps = static_cast<int>(*steps);
  }
  request.text_guidance = reader.number("guidance_scale", 0, kMaxGuidance);
  request.image_guidance = reader.number("image_guidance_scale", 0, kMaxGuidance);
  if (rules.defaults.guidance_embeds) {
    request.true_cfg_scale = reader.number("true_cfg_scale", 1, kMaxGuidance);
  } else {
    reader.refuse("true_cfg_scale", "this model has no guidance inside; use guidance_scale");
  }
  request.motion = reader.number("motion", 0, 1);
  if (const auto quality = reader.word("quality", {"fast", "best", "auto", "standard"})) {
    if (*quality == "fast") request.quality = engine::Quality::kFast;
    if (*quality == "best") request.quality = engine::Quality::kBest;
  }
  if (reader.word("tier", {"lossless", "balanced"}) == "balanced") {
    request.tier = engine::Tier::kBalanced;
  }
  if (!has_strength(rules.defaults)) reader.refuse("strength", "this model changes no pictures");
  read_size(reader, rules, request);
  if (const auto compression = reader.whole("output_compression", 0, 100)) {
    read.what.compression = std::max(1, static_cast<int>(*compression));
  }
  const auto most_seconds = static_cast<double>(rules.max_deadline.count());
  if (const auto timeout = reader.number("timeout", 0.001, most_seconds)) {
    read.deadline = std::chrono::milliseconds(static_cast<int64_t>(std::ceil(*timeout * 1000)));
  }
  take_harmless(reader);
}

// Which model: last, so that a request with another mistake hears of that one first.
base::Status check_model(const GenerationRequest& read, const RequestRules& rules) {
  if (read.what.model == rules.model) return {};
  return base::not_found(
      fmt::format("model: there is no such model here; this server has '{}'", rules.model));
}

// `seconds` and `fps` say how many frames.
void read_length(FormReader& reader, const RequestRules& rules, engine::Request& request) {
  if (const auto fps = reader.whole("fps", 1, 120)) request.fps = static_cast<int>(*fps);
  if (const auto frames = reader.whole("num_frames", 1, rules.defaults.max_frames)) {
    request.num_frames = static_cast<int>(*frames);
  }
  const auto seconds = reader.number("seconds", 0.001, 86'400);
  if (!seconds || reader.failed()) return;
  const int fps = request.fps.value_or(rules.defaults.fps);
  const auto frames = std::max(1, static_cast<int>(std::lround(*seconds * fps)));
  if (request.num_frames && *request.num_frames != frames) {
    reader.fail("seconds", fmt::format("{} seconds at {} fps are {} frames, but num_frames is {}",
                                       *seconds, fps, frames, *request.num_frames));
  } else if (frames > rules.defaults.max_frames) {
    reader.fail("seconds", fmt::format("{} seconds at {} fps are {} frames; this model makes at "
                                       "most {}: {:.2f} seconds, or a lower fps",
                                       *seconds, fps, frames, rules.defaults.max_frames,
                                       static_cast<double>(rules.defaults.max_frames) / fps));
  } else {
    request.num_frames = frames;
  }
}

void read_count(FormReader& reader, int most, GenerationRequest& read) {
  if (const auto n = reader.whole("n", 1, most)) read.what.count = static_cast<int>(*n);
}

void read_picture_format(FormReader& reader, GenerationRequest& read) {
  const auto format = reader.word("output_format", {"png", "jpeg", "webp"}).value_or("png");
  read.what.format = format == "jpeg"   ? OutputFormat::kJpeg
                     : format == "webp" ? OutputFormat::kWebp
                                        : OutputFormat::kPng;
  read.answer_with_url = reader.word("response_format", {"b64_json", "url"}) == "url";
  read_count(reader, kMaxImages, read);
}

Result<GenerationRequest> finished(const FormReader& reader, const RequestRules& rules,
                                   GenerationRequest read) {
  ZT_RETURN_IF_ERROR(reader.finish());
  ZT_RETURN_IF_ERROR(check_model(read, rules));
  return read;
}

}  // namespace

Result<std::optional<int>> parse_size(const std::string& size, const RequestRules& rules) {
  if (size == "auto") return std::optional<int>();
  const int model_width = rules.defaults.width, model_height = rules.defaults.height;
  const auto sides = parse_sides(size);
  if (!sides) return base::invalid_argument("size: " + size_form(rules));
  const auto [width, height] = *sides;
  // The shape is the model's, to the pixel or two that rounding takes.
  const auto other = static_cast<double>(width) * model_height / model_width;
  if (std::abs(other - height) > 2 || (model_width == model_height && width != height)) {
    return base::invalid_argument(fmt::format(
        "size: {}x{} has another shape than what this model makes, {}x{}; sizes of that shape are "
        "possible, up to a longer side of {}",
        width, height, model_width, model_height, rules.max_side));
  }
  const int longer = std::max(width, height);
  if (longer < 16 || longer > rules.max_side) {
    return base::invalid_argument(
        fmt::format("size: the longer side must be between 16 and {}", rules.max_side));
  }
  return std::optional<int>(longer);
}

Result<GenerationRequest> parse_video_request(const Form& form, const RequestRules& rules,
                                              uint64_t seed) {
  FormReader reader(form);
  GenerationRequest read;
  read_common(reader, rules, seed, read);
  read_length(reader, rules, read.what.request);
  read_count(reader, 1, read);
  const auto format = reader.word("output_format", {"mp4", "gif", "webp"}).value_or("mp4");
  read.what.format = format == "gif"    ? OutputFormat::kGif
                     : format == "webp" ? OutputFormat::kAnimatedWebp
                                        : OutputFormat::kMp4;
  const bool has_picture = reader.has("input_reference");
  if (!has_picture && !can(rules, Task::kTextToVideo)) {
    reader.fail("input_reference", "is required: this model animates a picture");
  }
  if (has_picture && !can(rules, Task::kImageToVideo)) {
    reader.fail("input_reference", "this model takes no picture");
  }
  read.what.request.task = has_picture ? Task::kImageToVideo : Task::kTextToVideo;
  // After everything cheap: decoding is not.
  auto picture = read_sent_picture(reader, {"input_reference"}, rules);
  if (picture) read.what.request.picture = std::move(*picture);
  return finished(reader, rules, std::move(read));
}

Result<GenerationRequest> parse_image_edit(const Form& form, const RequestRules& rules,
                                           uint64_t seed) {
  FormReader reader(form);
  GenerationRequest read;
  read_common(reader, rules, seed, read);
  read_picture_format(reader, read);
  if (!can(rules, Task::kImageToImage)) reader.fail("image", "this model takes no picture");
  read.what.request.task = Task::kImageToImage;
  read.what.request.strength = reader.number("strength", 0, 1);
  // A model of clips gives one frame, the middle one unless told which.
  if (const auto frame = reader.whole("frame", 0, rules.defaults.max_frames - 1)) {
    read.what.request.frame = static_cast<int>(*frame);
  }
  auto picture = read_sent_picture(reader, {"image", "image[]", "images"}, rules);
  if (!picture) {
    reader.fail("image", "is required");
  } else {
    read.what.request.picture = std::move(*picture);
  }
  return finished(reader, rules, std::move(read));
}

Result<GenerationRequest> parse_image_generation(const Form& form, const RequestRules& rules,
                                                 uint64_t seed) {
  FormReader reader(form);
  GenerationRequest read;
  read_common(reader, rules, seed, read);
  read_picture_format(reader, read);
  reader.refuse("strength", kNoPicture);
  if (!can(rules, Task::kTextToImage)) {
    reader.fail("model", fmt::format("'{}' makes nothing from a text alone; send a picture to "
                                     "POST /v1/images/edits or POST /v1/videos",
                                     rules.model));
  }
  read.what.request.task = Task::kTextToImage;
  return finished(reader, rules, std::move(read));
}

}  // namespace zoetrope::http
