// A typed view of config.json, model_index.json and their like. Unknown keys are allowed (diffusers
// writes many) and null counts as absent; a key of the wrong type or out of range never is silently
// replaced: it is an error that names file, field and expected type.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::weights {

// Immutable; copies share the parsed document.
class JsonObject {
 public:
  static base::Result<JsonObject> read(const std::string& path);
  // `source` starts every message.
  static base::Result<JsonObject> parse(std::string_view text, const std::string& source);
  // Of a document already parsed, for files too long for `read`, which stops at 4 MiB.
  static base::Result<JsonObject> of(std::shared_ptr<const nlohmann::json> json,
                                     const std::string& source);

  // T: bool, int, int64_t, float, double, std::string, JsonObject, or a vector of bool, int64_t,
  // double, std::string or JsonObject. Integers must be written as integers and fit; floating-point
  // types take integers as well. Throw base::Error (kDataLoss).
  template <typename T>
  T get(const std::string& key, T fallback) const {
    return has(key) ? require<T>(key) : fallback;
  }
  template <typename T>
  T require(const std::string& key) const;
  int64_t positive(const std::string& key, int64_t fallback) const;  // get, and over 0

  bool has(const std::string& key) const;  // present and not null
  bool is_list(const std::string& key) const;
  bool is_list_of_strings(const std::string& key) const;  // and not empty
  bool is_object(const std::string& key) const;
  std::vector<std::string> keys() const;  // sorted, null ones left out

  const std::string& source() const { return source_; }

 private:
  JsonObject(std::string source, std::string prefix, std::shared_ptr<const nlohmann::json> json)
      : source_(std::move(source)), prefix_(std::move(prefix)), json_(std::move(json)) {}

  const nlohmann::json* find(const std::string& key) const;
  template <typename T>
  T convert(const std::string& name, const nlohmann::json& value) const;

  std::string source_;
  std::string prefix_;  // "vision_config." inside that object
  std::shared_ptr<const nlohmann::json> json_;
};

}  // namespace zoetrope::weights
