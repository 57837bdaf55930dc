#include "weights/json_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <limits>

#include "base/in_quotes.h"
#include "weights/json.h"

namespace zoetrope::weights {

namespace {

constexpr base::JsonLimits kLimits{.max_bytes = std::size_t{4} << 20, .max_values = 100'000};

template <typename T>
constexpr bool kIsVector = false;
template <typename T>
constexpr bool kIsVector<std::vector<T>> = true;

base::Result<nlohmann::json> checked_object(base::Result<nlohmann::json> json,
                                            const std::string& source) {
  if (json.ok() && !json->is_object()) return base::data_loss(source + ": not a JSON object");
  return json;
}

[[noreturn]] void fail(const std::string& source, const std::string& name, const char* wanted) {
  throw base::Error(base::data_loss(
      fmt::format("{}: field {} must be {}", source, base::in_quotes(name), wanted)));
}

}  // namespace

base::Result<JsonObject> JsonObject::read(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(nlohmann::json json, checked_object(read_json_file(path, kLimits), path));
  return JsonObject(path, "", std::make_shared<const nlohmann::json>(std::move(json)));
}

base::Result<JsonObject> JsonObject::parse(std::string_view text, const std::string& source) {
  ZT_ASSIGN_OR_RETURN(nlohmann::json json,
                      checked_object(base::parse_json(text, source, kLimits), source));
  return JsonObject(source, "", std::make_shared<const nlohmann::json>(std::move(json)));
}

base::Result<JsonObject> JsonObject::of(std::shared_ptr<const nlohmann::json> json,
                                        const std::string& source) {
  if (!json->is_object()) return base::data_loss(source + ": not a JSON object");
  return JsonObject(source, "", std::move(json));
}

const nlohmann::json* JsonObject::find(const std::string& key) const {
  const auto at = json_->find(key);
  return at == json_->end() || at->is_null() ? nullptr : &*at;
}

int64_t JsonObject::positive(const std::string& key, int64_t fallback) const {
  const auto value = get<int64_t>(key, fallback);
  if (value <= 0) fail(source_, prefix_ + key, "positive");
  return value;
}

bool JsonObject::has(const std::string& key) const { return find(key) != nullptr; }

bool JsonObject::is_list(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return value != nullptr && value->is_array();
}

bool JsonObject::is_list_of_strings(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return value != nullptr && value->is_array() && !value->empty() &&
         std::all_of(value->begin(), value->end(),
                     [](const auto& item) { return item.is_string(); });
}

bool JsonObject::is_object(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return value != nullptr && value->is_object();
}

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json_->items()) {
    if (!value.is_null()) keys.push_back(key);
  }
  return keys;
}

template <typename T>
T JsonObject::require(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) {
    throw base::Error(base::data_loss(
        fmt::format("{}: field {} is missing", source_, base::in_quotes(prefix_ + key))));
  }
  return convert<T>(prefix_ + key, *value);
}

template <typename T>
T JsonObject::convert(const std::string& name, const nlohmann::json& value) const {
  if constexpr (std::same_as<T, bool>) {
    if (!value.is_boolean()) fail(source_, name, "true or false");
    return value.get<bool>();
  } else if constexpr (std::integral<T>) {
    const bool too_large = value.is_number_unsigned() &&
                           value.get<std::uint64_t>() >
                               static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value.is_number_integer() || too_large) fail(source_, name, "an integer");
    const auto wide = value.get<std::int64_t>();
    if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) {
      fail(source_, name, "an integer of 32 bits");
    }
    return static_cast<T>(wide);
  } else if constexpr (std::floating_point<T>) {
    if (!value.is_number()) fail(source_, name, "a number");
    return value.get<T>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (!value.is_string()) fail(source_, name, "a string");
    return value.get<std::string>();
  } else if constexpr (std::same_as<T, JsonObject>) {
    if (!value.is_object()) fail(source_, name, "an object");
    return JsonObject(source_, name + ".", {json_, &value});  // shares the whole document
  } else {
    static_assert(kIsVector<T>);
    if (!value.is_array()) fail(source_, name, "a list");
    T list;
    for (std::size_t i = 0; i < value.size(); ++i) {
      list.push_back(convert<typename T::value_type>(fmt::format("{}[{}]", name, i), value[i]));
    }
    return list;
  }
}

template bool JsonObject::require(const std::string&) const;
template int JsonObject::require(const std::string&) const;
template std::int64_t JsonObject::require(const std::string&) const;
template float JsonObject::require(const std::string&) const;
template double JsonObject::require(const std::string&) const;
template std::string JsonObject::require(const std::string&) const;
template JsonObject JsonObject::require(const std::string&) const;
template std::vector<bool> JsonObject::require(const std::string&) const;
template std::vector<std::int64_t> JsonObject::require(const std::string&) const;
template std::vector<double> JsonObject::require(const std::string&) const;
template std::vector<std::string> JsonObject::require(const std::string&) const;
template std::vector<JsonObject> JsonObject::require(const std::string&) const;

}  // namespace zoetrope::weights
