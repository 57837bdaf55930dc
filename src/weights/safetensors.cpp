#include "weights/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/in_quotes.h"
#include "weights/json.h"

namespace zoetrope::weights {

namespace {

using base::data_loss;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

struct TypeInfo {
  ElementType type;
  std::string_view name;
  std::size_t size;
};

constexpr std::array kTypes = {
    TypeInfo{ElementType::kBool, "BOOL", 1},      TypeInfo{ElementType::kU8, "U8", 1},
    TypeInfo{ElementType::kI8, "I8", 1},          TypeInfo{ElementType::kF8E5M2, "F8_E5M2", 1},
    TypeInfo{ElementType::kF8E4M3, "F8_E4M3", 1}, TypeInfo{ElementType::kI16, "I16", 2},
    TypeInfo{ElementType::kF16, "F16", 2},        TypeInfo{ElementType::kBF16, "BF16", 2},
    TypeInfo{ElementType::kI32, "I32", 4},        TypeInfo{ElementType::kF32, "F32", 4},
    TypeInfo{ElementType::kF64, "F64", 8},        TypeInfo{ElementType::kI64, "I64", 8},
};

const TypeInfo& info_of(ElementType type) { return kTypes[static_cast<std::size_t>(type)]; }

// The bytes that `shape` needs, or nothing if a dimension is not a count or the product (taken over
// non-empty dimensions, so that strides fit as well) leaves int64.
std::optional<std::uint64_t> bytes_needed(const nlohmann::json& shape, std::size_t element_size) {
  std::int64_t reach = static_cast<std::int64_t>(element_size);
  bool empty = false;
  for (const nlohmann::json& dim : shape) {
    if (!dim.is_number_unsigned()) return std::nullopt;
    const auto size = dim.get<std::uint64_t>();
    if (size > static_cast<std::uint64_t>(kMaxInt64)) return std::nullopt;
    empty = empty || size == 0;
    if (__builtin_mul_overflow(reach, std::max<std::int64_t>(size, 1), &reach)) return std::nullopt;
  }
  return empty ? 0 : reach;
}

// One header entry: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
base::Result<TensorEntry> parse_entry(const std::string& name, const nlohmann::json& json,
                                      std::span<const std::byte> data, std::string_view source) {
  const auto bad = [&](const std::string& why) {
    return data_loss(fmt::format("{}: tensor {}: {}", source, base::in_quotes(name), why));
  };
  const auto is_array = [&](const char* key) { return json.contains(key) && json[key].is_array(); };
  if (!json.is_object()) return bad("its header entry is not an object");
  if (!json.contains("dtype") || !json["dtype"].is_string()) return bad("no dtype");
  if (!is_array("shape")) return bad("no shape");
  if (!is_array("data_offsets")) return bad("no data_offsets");
  if (json.size() != 3) return bad("unknown fields in its header entry");

  const auto& type_name = json["dtype"].get_ref<const std::string&>();
  const auto type = element_type_from(type_name);
  if (!type) return bad("unknown dtype " + base::in_quotes(type_name));
  const auto needed = bytes_needed(json["shape"], size_of(*type));
  if (!needed) return bad("shape is not a list of counts whose product fits 64 bits");

  const nlohmann::json& offsets = json["data_offsets"];
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    return bad("data_offsets are not two counts");
  }
  const auto begin = offsets[0].get<std::uint64_t>();
  const auto end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > data.size()) {
    return bad(
        fmt::format("data_offsets [{}, {}] lie outside the {} bytes of data (truncated file?)",
                    begin, end, data.size()));
  }
  if (end - begin != *needed) {
    return bad(fmt::format("{} bytes of data where dtype and shape need {}", end - begin, *needed));
  }
  return TensorEntry{name, *type, json["shape"].get<std::vector<std::int64_t>>(),
                     data.subspan(begin, end - begin)};
}

// The data section must be the tensors, back to back: no gap to hide bytes in, no shared bytes.
base::Status check_cover(std::vector<TensorEntry> tensors, std::span<const std::byte> data,
                         std::string_view source) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const std::byte* expected = data.data();
  for (const TensorEntry& tensor : tensors) {
    if (tensor.bytes.data() != expected) {
      const char* what = tensor.bytes.data() < expected ? "overlaps" : "leaves a gap after";
      return data_loss(fmt::format("{}: tensor {}: its data {} the tensor before it", source,
                                   base::in_quotes(tensor.name), what));
    }
    expected += tensor.bytes.size();
  }
  if (const auto used = static_cast<std::size_t>(expected - data.data()); used != data.size()) {
    return data_loss(
        fmt::format("{}: {} bytes of data belong to no tensor", source, data.size() - used));
  }
  return {};
}

base::Result<std::map<std::string, std::string>> parse_metadata(const nlohmann::json& json,
                                                                std::string_view source) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object()) return data_loss(fmt::format("{}: __metadata__ is not an object", source));
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      return data_loss(
          fmt::format("{}: __metadata__ {} is not a string", source, base::in_quotes(key)));
    }
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

}  // namespace

std::string_view to_string(ElementType type) { return info_of(type).name; }

std::size_t size_of(ElementType type) { return info_of(type).size; }

std::optional<ElementType> element_type_from(std::string_view name) {
  for (const TypeInfo& info : kTypes) {
    if (info.name == name) return info.type;
  }
  return std::nullopt;
}

base::Result<SafetensorsContent> parse_safetensors(std::span<const std::byte> file,
                                                   std::string_view source) {
  if (file.size() < kLengthBytes) {
    return data_loss(
        fmt::format("{}: too short for a safetensors file ({} bytes)", source, file.size()));
  }
  std::uint64_t header_bytes = 0;
  std::copy_n(file.begin(), kLengthBytes, reinterpret_cast<std::byte*>(&header_bytes));
  if (header_bytes > kMaxHeaderBytes) {
    return data_loss(fmt::format("{}: not a safetensors file (header of {} bytes, limit {})",
                                 source, header_bytes, kMaxHeaderBytes));
  }
  if (header_bytes > file.size() - kLengthBytes) {
    return data_loss(fmt::format("{}: truncated: the header needs {} bytes and {} are left", source,
                                 header_bytes, file.size() - kLengthBytes));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              header_bytes);
  if (!text.starts_with('{')) {
    return data_loss(fmt::format("{}: not a safetensors file (header is not JSON)", source));
  }
  constexpr base::JsonLimits kLimits{.max_bytes = kMaxHeaderBytes, .max_depth = 3};
  ZT_ASSIGN_OR_RETURN(const nlohmann::json header, base::parse_json(text, source, kLimits));

  const auto data = file.subspan(kLengthBytes + header_bytes);
  SafetensorsContent content;
  for (const auto& [name, json] : header.items()) {  // nlohmann keeps names sorted
    if (name == "__metadata__") {
      ZT_ASSIGN_OR_RETURN(content.metadata, parse_metadata(json, source));
    } else {
      ZT_ASSIGN_OR_RETURN(TensorEntry entry, parse_entry(name, json, data, source));
      content.tensors.push_back(std::move(entry));
    }
  }
  ZT_RETURN_IF_ERROR(check_cover(content.tensors, data, source));
  return content;
}

base::Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::open(path));
  ZT_ASSIGN_OR_RETURN(SafetensorsContent content, parse_safetensors(mapping.bytes(), path));
  return SafetensorsFile(path, std::move(mapping), std::move(content));
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto& tensors = content_.tensors;
  const auto at = std::lower_bound(
      tensors.begin(), tensors.end(), name,
      [](const TensorEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return at != tensors.end() && at->name == name ? &*at : nullptr;
}

}  // namespace zoetrope::weights
