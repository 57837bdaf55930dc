#include "http/form.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/in_quotes.h"
#include "base/json.h"
#include "http/multipart.h"

namespace zoetrope::http {
namespace {

using base::Result;
using nlohmann::json;

// What is before ';' in lower case: "application/json".
std::string media_type_of(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  type.erase(type.find_last_not_of(" \t") + 1);
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

Result<Form> parse_json_form(std::string_view body) {
  // Nothing in the API is deeper than images[0].image_url.
  const base::JsonLimits limits{.max_bytes = body.size(), .max_depth = 8, .max_values = 4096};
  auto object = base::parse_json(body, "body", limits);
  if (!object.ok()) return base::invalid_argument(object.status().message());
  if (!object->is_object()) return base::invalid_argument("body: must be a JSON object");
  Form form;
  for (auto& [name, value] : object->items()) {
    form.fields.push_back({.name = name, .value = std::move(value), .file = {}});
  }
  return form;
}

Result<Form> parse_multipart_form(std::string_view content_type, std::string_view body) {
  ZT_ASSIGN_OR_RETURN(const std::string boundary, multipart_boundary(content_type));
  ZT_ASSIGN_OR_RETURN(std::vector<Part> parts, parse_multipart(body, boundary));
  Form form{.kind = BodyKind::kMultipart, .fields = {}};
  for (Part& part : parts) {
    Field field{.name = std::move(part.name), .value = nullptr, .file = {}};
    if (part.filename) {
      field.file = part.content;
    } else {
      field.value = std::string(part.content);
    }
    form.fields.push_back(std::move(field));
  }
  return form;
}

// Whether it can be repeated at the head of a message.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 40 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '[' || c == ']';
         });
}

// A number in a part's text, or in a JSON string.
template <typename T>
std::optional<T> number_in(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<BodyKind> body_kind(std::string_view content_type) {
  const std::string type = media_type_of(content_type);
  if (type == "application/json") return BodyKind::kJson;
  if (type == "multipart/form-data") return BodyKind::kMultipart;
  return base::invalid_argument(
      "content-type: must be application/json or multipart/form-data here");
}

Result<Form> parse_form(BodyKind kind, std::string_view content_type, std::string_view body) {
  return kind == BodyKind::kJson ? parse_json_form(body) : parse_multipart_form(content_type, body);
}

bool FormReader::has(std::string_view name) const {
  return std::any_of(form_.fields.begin(), form_.fields.end(), [&](const Field& field) {
    return field.name == name && (field.file || !field.value.is_null());
  });
}

void FormReader::fail(std::string_view name, std::string_view why) {
  if (status_.ok()) status_ = base::invalid_argument(fmt::format("{}: {}", name, why));
}

std::vector<const Field*> FormReader::all(std::string_view name) {
  std::vector<const Field*> found;
  for (size_t i = 0; i < form_.fields.size(); ++i) {
    const Field& field = form_.fields[i];
    if (field.name != name) continue;
    taken_[i] = true;
    if (field.file || !field.value.is_null()) found.push_back(&field);
  }
  return found;
}

const Field* FormReader::take(std::string_view name) {
  const std::vector<const Field*> found = all(name);
  if (found.empty() || failed()) return nullptr;
  if (found.size() > 1) {
    fail(name, "is given more than once");
    return nullptr;
  }
  if (found[0]->file) {
    fail(name, "must be a value, not a file");
    return nullptr;
  }
  return found[0];
}

std::optional<std::string> FormReader::text(std::string_view name, size_t max_bytes) {
  const Field* field = take(name);
  if (field == nullptr) return std::nullopt;
  if (!field->value.is_string()) {
    fail(name, "must be a string");
    return std::nullopt;
  }
  const auto& text = field->value.get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    fail(name, fmt::format("{} bytes is over the limit of {}", text.size(), max_bytes));
    return std::nullopt;
  }
  return text;
}

std::optional<int64_t> FormReader::whole(std::string_view name, int64_t least, int64_t most) {
  const Field* field = take(name);
  if (field == nullptr) return std::nullopt;
  std::optional<int64_t> value;
  if (form_.kind == BodyKind::kMultipart) {
    value = number_in<int64_t>(field->value.get_ref<const std::string&>());
  } else if (field->value.is_number_unsigned()) {
    const auto number = field->value.get<uint64_t>();
    if (number <= static_cast<uint64_t>(INT64_MAX)) value = static_cast<int64_t>(number);
  } else if (field->value.is_number_integer()) {
    value = field->value.get<int64_t>();
  }
  if (!value || *value < least || *value > most) {
    fail(name, fmt::format("must be a whole number between {} and {}", least, most));
    return std::nullopt;
  }
  return value;
}

std::optional<double> FormReader::number(std::string_view name, double least, double most) {
  const Field* field = take(name);
  if (field == nullptr) return std::nullopt;
  std::optional<double> value;
  if (field->value.is_string()) {  // OpenAI's `seconds` is one
    value = number_in<double>(field->value.get_ref<const std::string&>());
  } else if (field->value.is_number()) {
    value = field->value.get<double>();
  }
  if (!value || !std::isfinite(*value) || *value < least || *value > most) {
    fail(name, fmt::format("must be a number between {} and {}", least, most));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> FormReader::truth(std::string_view name) {
  const Field* field = take(name);
  if (field == nullptr) return std::nullopt;
  if (field->value.is_boolean()) return field->value.get<bool>();
  if (form_.kind == BodyKind::kMultipart && field->value == "true") return true;
  if (form_.kind == BodyKind::kMultipart && field->value == "false") return false;
  fail(name, "must be true or false");
  return std::nullopt;
}

std::optional<std::string> FormReader::word(std::string_view name,
                                            std::initializer_list<std::string_view> words) {
  const Field* field = take(name);
  if (field == nullptr) return std::nullopt;
  if (field->value.is_string()) {
    const auto& value = field->value.get_ref<const std::string&>();
    if (std::find(words.begin(), words.end(), value) != words.end()) return value;
  }
  fail(name, fmt::format("must be one of {}", fmt::join(words, ", ")));
  return std::nullopt;
}

void FormReader::refuse(std::string_view name, std::string_view why) {
  if (!all(name).empty()) fail(name, why);
}

base::Status FormReader::finish() const {
  if (!status_.ok()) return status_;
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    const std::string& name = form_.fields[i].name;
    if (is_plain(name)) {
      return base::invalid_argument(fmt::format("{}: is not a field of this request", name));
    }
    return base::invalid_argument(
        fmt::format("body: holds {}, which is not a field", base::in_quotes(name)));
  }
  return {};
}

}  // namespace zoetrope::http
