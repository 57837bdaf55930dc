#include "http/sent_picture.h"

#include <fmt/format.h>

#include <span>
#include <string>

#include "base/base64.h"

namespace zoetrope::http {
namespace {

using nlohmann::json;

struct Sent {
  std::string_view name;
  std::string_view file;  // bytes of a file part, ...
  std::string text;       // ... or what stands in for them
};

// A string, {"image_url": string}, or {"image_url": {"url": string}}: OpenAI's forms.
const std::string* text_of(const json& value) {
  if (value.is_string()) return value.get_ptr<const std::string*>();
  if (!value.is_object() || value.size() != 1) return nullptr;
  if (const auto url = value.find("image_url"); url != value.end()) {
    if (url->is_object() && url->size() == 1 && url->contains("url"))
      return text_of(url->at("url"));
    return url->is_string() ? url->get_ptr<const std::string*>() : nullptr;
  }
  return nullptr;
}

std::optional<std::string> decoded(FormReader& reader, std::string_view name,
                                   const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with("http://") || digits.starts_with("https://")) {
    reader.fail(name, "is an address; this server fetches nothing, send the picture itself");
    return std::nullopt;
  }
  if (digits.starts_with("data:")) {
    const size_t comma = digits.find(";base64,");
    if (comma == digits.npos) {
      reader.fail(name, "must be a data URL with base64");
      return std::nullopt;
    }
    digits.remove_prefix(comma + std::string_view(";base64,").size());
  }
  auto bytes = base::from_base64(digits);
  if (!bytes) reader.fail(name, "is not base64, nor a data URL with base64");
  return bytes;
}

std::optional<media::Image> decode(FormReader& reader, std::string_view name,
                                   std::string_view bytes, const RequestRules& rules) {
  media::ReadOptions options;
  options.limits.max_bytes = rules.picture_bytes;
  options.limits.max_pixels = rules.picture_pixels;
  const std::span data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  auto read = media::read_image(data, name, options);
  if (!read.ok()) {
    // "input_reference: not a picture ...": the reader of the form puts the name there again.
    std::string_view why = read.status().message();
    if (why.starts_with(name) && why.substr(name.size()).starts_with(": ")) {
      why.remove_prefix(name.size() + 2);
    }
    reader.fail(name, why);
    return std::nullopt;
  }
  if (read->frames > 1) {
    reader.fail(name, fmt::format("is animated ({} frames); send one picture", read->frames));
    return std::nullopt;
  }
  return std::move(read->image);
}

void collect(FormReader& reader, std::string_view name, const Field& field,
             std::vector<Sent>& sent) {
  if (field.file) {
    sent.push_back({.name = name, .file = *field.file, .text = {}});
    return;
  }
  const json& value = field.value;
  const size_t count = value.is_array() ? value.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    const std::string* text = text_of(value.is_array() ? value[i] : value);
    if (text == nullptr) {
      reader.fail(name, "must be a picture: a file, base64, a data URL, or {\"image_url\": ...}");
      return;
    }
    sent.push_back({.name = name, .file = {}, .text = *text});
  }
}

}  // namespace

std::optional<media::Image> read_sent_picture(FormReader& reader,
                                              const std::vector<std::string_view>& names,
                                              const RequestRules& rules) {
  std::vector<Sent> sent;
  for (const std::string_view name : names) {
    for (const Field* field : reader.all(name)) collect(reader, name, *field, sent);
  }
  if (reader.failed() || sent.empty()) return std::nullopt;
  if (sent.size() > 1) {
    reader.fail(sent[1].name, fmt::format("{} pictures; this model takes one", sent.size()));
    return std::nullopt;
  }
  const Sent& picture = sent[0];
  if (picture.text.empty()) return decode(reader, picture.name, picture.file, rules);
  const auto bytes = decoded(reader, picture.name, picture.text);
  if (!bytes) return std::nullopt;
  return decode(reader, picture.name, *bytes, rules);
}

}  // namespace zoetrope::http
