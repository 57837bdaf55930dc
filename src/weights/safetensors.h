// safetensors files: named tensors behind a JSON header. Format and its rules:
// https://github.com/huggingface/safetensors#format. Free of torch; tensor_io.h makes tensors.
//
// A file is untrusted bytes. Every rule of the format is checked before anything is handed out:
// header length, JSON, known dtypes, shapes that do not overflow, and offsets that cover the data
// section exactly once, without overlap or gap. Failures are one line naming file and tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "weights/mapped_file.h"

namespace zoetrope::weights {

// In the order of the format's reference writer, which puts later ones first in a file: widths
// descend, so that every tensor is aligned to its element.
enum class ElementType {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kF16,
  kBF16,
  kI32,
  kF32,
  kF64,
  kI64
};

std::string_view to_string(ElementType type);  // as spelt in a header: "BF16"
std::optional<ElementType> element_type_from(std::string_view name);
std::size_t size_of(ElementType type);  // bytes an element

struct TensorEntry {
  std::string name;
  ElementType type;
  std::vector<std::int64_t> shape;   // [] is a scalar
  std::span<const std::byte> bytes;  // contiguous, row-major, little-endian; owned by the file
};

struct SafetensorsContent {
  std::vector<TensorEntry> tensors;  // by name
  std::map<std::string, std::string> metadata;
};

// Reads the header in `file`; entries point into it. `source` starts every message.
base::Result<SafetensorsContent> parse_safetensors(std::span<const std::byte> file,
                                                   std::string_view source);

// A parsed file and the mapping its entries point into. Immutable, so any thread may read it.
class SafetensorsFile {
 public:
  static base::Result<SafetensorsFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<TensorEntry>& tensors() const { return content_.tensors; }  // by name
  const std::map<std::string, std::string>& metadata() const { return content_.metadata; }
  const TensorEntry* find(std::string_view name) const;  // null if there is none

  // Keeps the bytes of every entry valid for as long as a copy of it lives.
  const MappedFile& mapping() const { return mapping_; }

 private:
  SafetensorsFile(std::string path, MappedFile mapping, SafetensorsContent content)
      : path_(std::move(path)), mapping_(std::move(mapping)), content_(std::move(content)) {}

  std::string path_;
  MappedFile mapping_;
  SafetensorsContent content_;
};

// Writes `tensors` to `path`: same input, same bytes (sorted by width and name, header padded to 8
// bytes: what the reference writer makes). The file appears whole or not at all: it is written
// under a temporary name beside `path`, synced to the disk if `sync`, then renamed; the temporary
// is removed on failure. kInvalidArgument for entries whose bytes do not match type and shape, for
// duplicate names and for the reserved name "__metadata__"; kResourceExhausted when the disk is
// full.
base::Status write_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                               const std::map<std::string, std::string>& metadata = {},
                               bool sync = false);

}  // namespace zoetrope::weights
