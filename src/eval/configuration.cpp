#include "eval/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

namespace zoetrope::eval {
namespace {

using base::Status;

constexpr std::string_view kNameLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

template <typename T>
Status parse_number(std::string_view text, std::optional<T>& target) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return base::invalid_argument(
        fmt::format("'{}' is not a {}number", text, std::is_integral_v<T> ? "whole " : ""));
  }
  target = value;
  return {};
}

Status set_key(Configuration& c, std::string_view key, std::string_view value) {
  if (key == "model") {
    if (value.empty()) return base::invalid_argument("a folder is missing");
    c.model = value;
    return {};
  }
  if (key == "quality") {
    if (value != "fast" && value != "best") return base::invalid_argument("is fast or best");
    c.quality = value == "fast" ? engine::Quality::kFast : engine::Quality::kBest;
    return {};
  }
  if (key == "steps") return parse_number(value, c.steps);
  if (key == "motion") return parse_number(value, c.motion);
  if (key == "text-guidance") return parse_number(value, c.text_guidance);
  if (key == "image-guidance") return parse_number(value, c.image_guidance);
  return base::invalid_argument(
      "no such key; there are model, quality, steps, motion, text-guidance, image-guidance");
}

Status check_name(std::string_view name) {
  if (name.empty() || name.size() > 40 || name.front() == '.' ||
      name.find_first_not_of(kNameLetters) != name.npos) {
    return base::invalid_argument(fmt::format(
        "configuration '{}': a name has 1 to 40 letters, digits, '-', '_' or '.'", name));
  }
  if (name == kReal || name == kAutoencoder || name == kStill) {
    return base::invalid_argument(
        fmt::format("configuration '{}': that name is taken: it is always measured", name));
  }
  return {};
}

}  // namespace

void Configuration::apply(engine::Request& request) const {
  request.quality = quality;
  request.steps = steps;
  request.image_guidance = image_guidance;
  request.text_guidance = text_guidance;
  request.motion = motion;
}

base::Result<Configuration> parse_configuration(std::string_view text) {
  Configuration c;
  const size_t colon = text.find(':');
  c.name = text.substr(0, colon);
  ZT_RETURN_IF_ERROR(check_name(c.name));
  std::string_view rest = colon == text.npos ? "" : text.substr(colon + 1);
  std::set<std::string_view> seen;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    Status status;
    if (equals == pair.npos) {
      status = base::invalid_argument("key=value expected");
    } else if (!seen.insert(key).second) {
      status = base::invalid_argument("given twice");
    } else {
      status = set_key(c, key, pair.substr(equals + 1));
    }
    if (!status.ok()) {
      return status.with_context(fmt::format("configuration '{}': {}", c.name, key));
    }
  }
  return c;
}

base::Result<std::vector<Configuration>> parse_configurations(
    const std::vector<std::string>& texts) {
  std::vector<Configuration> found;
  for (const std::string& text : texts) {
    ZT_ASSIGN_OR_RETURN(Configuration c, parse_configuration(text));
    if (std::ranges::any_of(found, [&](const Configuration& o) { return o.name == c.name; })) {
      return base::invalid_argument(fmt::format("configuration '{}': given twice", c.name));
    }
    found.push_back(std::move(c));
  }
  if (found.empty()) return base::invalid_argument("no configuration to measure");
  return found;
}

nlohmann::json describe(const Configuration& c) {
  nlohmann::json json = {{"model", c.model.string()}};
  if (c.quality) json["quality"] = *c.quality == engine::Quality::kFast ? "fast" : "best";
  if (c.steps) json["steps"] = *c.steps;
  if (c.image_guidance) json["image_guidance"] = *c.image_guidance;
  if (c.text_guidance) json["text_guidance"] = *c.text_guidance;
  if (c.motion) json["motion"] = *c.motion;
  return json;
}

}  // namespace zoetrope::eval
