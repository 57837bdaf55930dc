// ConfigFields: reads the fields of a scheduler_config.json, with defaults, ranges and errors that
// name the field. Absent and null are the same.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

#include "base/status.h"

namespace zoetrope::diffusion {

class ConfigFields {
 public:
  // Throws unless `config` is a JSON object. Keeps a reference to it.
  explicit ConfigFields(const nlohmann::json& config);

  bool has(const char* name) const;

  // All throw Error(kInvalidArgument) naming the field when the type or range is wrong.
  bool boolean(const char* name, bool fallback) const;
  int integer(const char* name, int fallback, int least, int most) const;
  double real(const char* name, double fallback, double least, double most) const;
  std::string text(const char* name, const char* fallback) const;

  // The value that goes with the field's word.
  template <typename T>
  T choose(const char* name, const char* fallback,
           std::initializer_list<std::pair<const char*, T>> words) const {
    const std::string word = text(name, fallback);
    std::string known;
    for (const auto& [candidate, value] : words) {
      if (word == candidate) return value;
      known += (known.empty() ? "" : ", ") + std::string(candidate);
    }
    refuse(name, "'" + word + "' is not one of " + known);
  }

  // Throws Error(kUnimplemented) if the field switches something on that we do not offer.
  void require_off(const char* name) const;
  void require_text(const char* name, const char* only) const;

  [[noreturn]] void refuse(const char* name, const std::string& why,
                           base::StatusCode code = base::StatusCode::kInvalidArgument) const;

 private:
  const nlohmann::json& config_;
};

}  // namespace zoetrope::diffusion
