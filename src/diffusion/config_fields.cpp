#include "diffusion/config_fields.h"

#include <nlohmann/json.hpp>

namespace zoetrope::diffusion {

ConfigFields::ConfigFields(const nlohmann::json& config) : config_(config) {
  if (!config.is_object()) refuse("_class_name", "the file is not a JSON object");
}

bool ConfigFields::has(const char* name) const {
  const auto it = config_.find(name);
  return it != config_.end() && !it->is_null();
}

bool ConfigFields::boolean(const char* name, bool fallback) const {
  if (!has(name)) return fallback;
  if (!config_[name].is_boolean()) refuse(name, "must be true or false");
  return config_[name].get<bool>();
}

int ConfigFields::integer(const char* name, int fallback, int least, int most) const {
  if (!has(name)) return fallback;
  const auto& value = config_[name];
  const double number = value.is_number_integer() ? value.get<double>() : most + 1.0;
  if (number < least || number > most) {
    refuse(name,
           "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(number);
}

double ConfigFields::real(const char* name, double fallback, double least, double most) const {
  if (!has(name)) return fallback;
  const auto& value = config_[name];
  const double number = value.is_number() ? value.get<double>() : most + 1.0;
  if (!(number >= least && number <= most)) {
    refuse(name, nlohmann::json(value).dump() + " is not a number from " +
                     nlohmann::json(least).dump() + " to " + nlohmann::json(most).dump());
  }
  return number;
}

std::string ConfigFields::text(const char* name, const char* fallback) const {
  if (!has(name)) return fallback;
  if (!config_[name].is_string()) refuse(name, "must be a string");
  return config_[name].get<std::string>();
}

void ConfigFields::require_off(const char* name) const {
  if (!has(name)) return;
  const auto& value = config_[name];
  const bool off =
      (value.is_boolean() && !value.get<bool>()) || (value.is_array() && value.empty());
  if (!off) refuse(name, "is not offered", base::StatusCode::kUnimplemented);
}

void ConfigFields::require_text(const char* name, const char* only) const {
  const std::string value = text(name, only);
  if (value != only) {
    refuse(name, "'" + value + "' is not offered, only " + only, base::StatusCode::kUnimplemented);
  }
}

void ConfigFields::refuse(const char* name, const std::string& why, base::StatusCode code) const {
  throw base::Error(code, "scheduler_config.json: " + std::string(name) + ": " + why);
}

}  // namespace zoetrope::diffusion
