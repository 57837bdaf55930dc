#include "engine/api/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/api/job.h"

namespace zoetrope::engine {
namespace {

constexpr size_t kMaxPromptBytes = 1 << 20;
constexpr int kMinSize = 16;
constexpr int kMaxSize = 4096;

template <typename T>
base::Status check_range(const char* field, T value, T least, T most) {
  if (std::isfinite(static_cast<double>(value)) && value >= least && value <= most) return {};
  return base::invalid_argument(
      fmt::format("{}: {} is not between {} and {}", field, value, least, most));
}

// Bytes of the well-formed sequence at the start of `text`, 0 if it is malformed: the table of
// well-formed UTF-8 in the Unicode Standard (table 3-7).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // overlong
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  }
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

base::Status check_task(const Request& request, const ModelDefaults& defaults) {
  std::string can;
  for (const Task task : defaults.tasks) {
    if (task == request.task) return {};
    can += (can.empty() ? "" : ", ") + std::string(to_string(task));
  }
  return base::invalid_argument(
      fmt::format("task: this model cannot do {}; it does {}", to_string(request.task), can));
}

base::Status check_prompt(const char* field, const std::string& text) {
  if (text.size() <= kMaxPromptBytes) return {};
  return base::invalid_argument(
      fmt::format("{}: {} bytes is over the limit of {}", field, text.size(), kMaxPromptBytes));
}

bool starts_from_picture(Task task) {
  return task == Task::kImageToVideo || task == Task::kImageToImage;
}

base::Status check_source(const Request& request, const ModelDefaults& defaults) {
  const bool empty = request.picture.empty();
  if (starts_from_picture(request.task) && empty) {
    return base::invalid_argument("picture: is empty");
  }
  if (!starts_from_picture(request.task) && !empty) {
    return base::invalid_argument(fmt::format("picture: {} takes none", to_string(request.task)));
  }
  // Clips of a picture show it as it was: there is nothing to keep less of.
  if (request.strength && (request.task != Task::kImageToImage || !has_strength(defaults))) {
    return base::invalid_argument("strength: only image_to_image of a picture model has it");
  }
  return {};
}

// How many frames the model makes. A picture of a text needs one.
base::Result<int> resolve_num_frames(const Request& request, const ModelDefaults& defaults) {
  const bool one = request.task == Task::kTextToImage || !defaults.makes_video;
  const int frames = request.num_frames.value_or(one ? 1 : defaults.num_frames);
  ZT_RETURN_IF_ERROR(check_range("num_frames", frames, 1, one ? 1 : defaults.max_frames));
  if ((frames - 1) % defaults.frame_multiple != 0) {
    return base::invalid_argument(
        fmt::format("num_frames: must be a multiple of {} and 1 more, not {}",
                    defaults.frame_multiple, frames));
  }
  return frames;
}

// The frame of kImageToImage: the middle one, where the picture has moved, unless another is named.
base::Result<std::optional<int>> resolve_frame(const Request& request, int num_frames,
                                               const ModelDefaults& defaults) {
  if (request.task != Task::kImageToImage || !defaults.makes_video) {
    if (!request.frame) return std::optional<int>();
    return base::invalid_argument("frame: only image_to_image takes one frame of the clip");
  }
  const int frame = request.frame.value_or(num_frames / 2);
  ZT_RETURN_IF_ERROR(check_range("frame", frame, 0, num_frames - 1));
  return std::optional<int>(frame);
}

base::Status check_tier(Tier tier, const ResolvedRequest& request, const ModelDefaults& defaults) {
  if (tier == Tier::kLossless) return {};
  if (tier == Tier::kTurbo) {
    return base::invalid_argument(
        "tier: turbo is for whoever opens the model (--precision, --attention)");
  }
  if (request.quality == Quality::kFast) {
    return base::invalid_argument(
        "tier: a distilled student has too few steps to leave blocks out of any; quality 'best' "
        "has enough");
  }
  if (defaults.block_cache_steps == 0) {
    return base::invalid_argument(
        "tier: balanced needs block caching, which was not measured for this model (see `zoetrope "
        "bench blocks`)");
  }
  if (request.steps != defaults.block_cache_steps) {
    return base::invalid_argument(fmt::format("tier: balanced is made for {} steps, not for {}",
                                              defaults.block_cache_steps, request.steps));
  }
  return {};
}

// The scale of guidance with a negative prompt beside the one inside the network.
base::Result<double> resolve_true_cfg_scale(const Request& request, const ModelDefaults& defaults) {
  const double scale = request.true_cfg_scale.value_or(1);
  ZT_RETURN_IF_ERROR(check_range("true_cfg_scale", scale, 1.0, 50.0));
  if (!defaults.guidance_embeds) {
    if (!request.true_cfg_scale) return scale;
    return base::invalid_argument(
        "true_cfg_scale: this model's guidance is true already: text_guidance");
  }
  if (scale == 1 && request.negative_prompt.value_or("").empty()) return scale;
  if (scale == 1) {
    return base::invalid_argument(
        "negative_prompt: this model has its guidance inside; for a negative prompt true_cfg_scale "
        "must be over 1");
  }
  return scale;
}

base::Result<int> resolve_side(const char* field, std::optional<int> asked, int usual,
                               int multiple) {
  const int side = asked.value_or(usual);
  if (multiple == 0) {
    if (side == usual) return side;
    return base::invalid_argument(
        fmt::format("{}: this model makes {} only; `size` enlarges what it makes", field, usual));
  }
  ZT_RETURN_IF_ERROR(check_range(field, side, multiple, kMaxSize));
  if (side % multiple != 0) {
    return base::invalid_argument(
        fmt::format("{}: must be a multiple of {}, not {}", field, multiple, side));
  }
  return side;
}

// A student knows the steps and scales it was trained on, and no others.
base::Status check_student(const ResolvedRequest& request, const StudentLimits& limits) {
  if (request.steps != limits.steps) {
    return base::invalid_argument(
        fmt::format("steps: the distilled student takes {} steps, not {}; quality 'best' takes any",
                    limits.steps, request.steps));
  }
  const auto check_scale = [](const char* field, double value, double least, double most) {
    if (value >= least && value <= most) return base::Status();
    return base::invalid_argument(
        fmt::format("{}: the distilled student was trained for {} to {}, not {}; quality 'best' "
                    "takes any",
                    field, least, most, value));
  };
  ZT_RETURN_IF_ERROR(check_scale("image_guidance", request.image_guidance,
                                 limits.least_image_guidance, limits.most_image_guidance));
  return check_scale("text_guidance", request.text_guidance, limits.least_text_guidance,
                     limits.most_text_guidance);
}

}  // namespace

bool has_strength(const ModelDefaults& defaults) {
  const auto& tasks = defaults.tasks;
  return !defaults.makes_video &&
         std::find(tasks.begin(), tasks.end(), Task::kImageToImage) != tasks.end();
}

std::string sanitise_utf8(const std::string& text, int& replaced) {
  std::string clean;
  clean.reserve(text.size());
  replaced = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = sequence_length(rest);
    if (length > 0) {
      clean.append(rest.substr(0, length));
    } else {
      clean.append("\xEF\xBF\xBD");
      ++replaced;
    }
    rest.remove_prefix(length > 0 ? length : 1);
  }
  return clean;
}

base::Result<ResolvedRequest> resolve(Request request, const ModelDefaults& defaults) {
  ZT_RETURN_IF_ERROR(check_task(request, defaults));
  ZT_RETURN_IF_ERROR(check_source(request, defaults));
  ZT_RETURN_IF_ERROR(check_prompt("prompt", request.prompt));
  ZT_RETURN_IF_ERROR(check_prompt("negative_prompt", request.negative_prompt.value_or("")));
  if (request.image_guidance && !defaults.three_way_guidance) {
    return base::invalid_argument("image_guidance: this model has no separate image guidance");
  }
  if (request.motion && !defaults.has_motion) {
    return base::invalid_argument("motion: this model has no motion strength");
  }

  ResolvedRequest resolved;
  resolved.task = request.task;
  resolved.seed = request.seed;
  resolved.quality = request.quality.value_or(defaults.student ? Quality::kFast : Quality::kBest);
  const bool fast = resolved.quality == Quality::kFast;
  if (fast && !defaults.student) {
    return base::invalid_argument("quality: this model has no distilled student for 'fast'");
  }
  resolved.negative_prompt = request.negative_prompt.value_or("");
  if (fast && !resolved.negative_prompt.empty()) {
    return base::invalid_argument(
        "negative_prompt: the distilled student has its guidance inside and takes none; quality "
        "'best' does");
  }
  resolved.fps = request.fps.value_or(defaults.fps);
  resolved.steps = request.steps.value_or(fast ? defaults.student->steps : defaults.steps);
  resolved.image_guidance = request.image_guidance.value_or(defaults.image_guidance);
  resolved.text_guidance = request.text_guidance.value_or(defaults.text_guidance);
  resolved.motion = request.motion.value_or(defaults.motion);
  ZT_ASSIGN_OR_RETURN(resolved.num_frames, resolve_num_frames(request, defaults));
  ZT_ASSIGN_OR_RETURN(resolved.frame, resolve_frame(request, resolved.num_frames, defaults));
  ZT_RETURN_IF_ERROR(check_range("fps", resolved.fps, 1, 120));
  ZT_RETURN_IF_ERROR(check_range("steps", resolved.steps, 1, defaults.max_steps));
  ZT_RETURN_IF_ERROR(check_range("image_guidance", resolved.image_guidance, 0.0, 50.0));
  ZT_RETURN_IF_ERROR(check_range("text_guidance", resolved.text_guidance, 0.0, 50.0));
  ZT_ASSIGN_OR_RETURN(resolved.true_cfg_scale, resolve_true_cfg_scale(request, defaults));
  resolved.strength = request.strength.value_or(kDefaultStrength);
  ZT_RETURN_IF_ERROR(check_range("strength", resolved.strength, 0.0, 1.0));
  ZT_RETURN_IF_ERROR(check_range("motion", resolved.motion, 0.0, 1.0));
  if (fast) ZT_RETURN_IF_ERROR(check_student(resolved, *defaults.student));

  ZT_RETURN_IF_ERROR(check_tier(request.tier, resolved, defaults));
  resolved.tier = request.tier;

  ZT_ASSIGN_OR_RETURN(resolved.model_width,
                      resolve_side("width", request.width, defaults.width, defaults.size_multiple));
  ZT_ASSIGN_OR_RETURN(resolved.model_height, resolve_side("height", request.height, defaults.height,
                                                          defaults.size_multiple));
  const int longer = std::max(resolved.model_width, resolved.model_height);
  const int size = request.size.value_or(longer);
  ZT_RETURN_IF_ERROR(check_range("size", size, kMinSize, kMaxSize));
  const auto scaled = [&](int side) {
    // Even sides: H.264 halves the colour planes.
    return std::max(
        2, static_cast<int>(std::lround(static_cast<double>(side) * size / longer / 2)) * 2);
  };
  resolved.width = scaled(resolved.model_width);
  resolved.height = scaled(resolved.model_height);

  resolved.picture = std::move(request.picture);
  resolved.prompt = std::move(request.prompt);
  resolved.latents_file = std::move(request.latents_file);
  resolved.own_first_frame = request.own_first_frame;
  resolved.dump_folder = std::move(request.dump_folder);
  return resolved;
}

}  // namespace zoetrope::engine
