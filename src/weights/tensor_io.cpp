#include "weights/tensor_io.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/in_quotes.h"

namespace zoetrope::weights {

namespace {

constexpr std::array kPairs = {
    std::pair{ElementType::kBool, at::kBool},
    std::pair{ElementType::kU8, at::kByte},
    std::pair{ElementType::kI8, at::kChar},
    std::pair{ElementType::kF8E5M2, at::kFloat8_e5m2},
    std::pair{ElementType::kF8E4M3, at::kFloat8_e4m3fn},
    std::pair{ElementType::kI16, at::kShort},
    std::pair{ElementType::kF16, at::kHalf},
    std::pair{ElementType::kBF16, at::kBFloat16},
    std::pair{ElementType::kI32, at::kInt},
    std::pair{ElementType::kF32, at::kFloat},
    std::pair{ElementType::kF64, at::kDouble},
    std::pair{ElementType::kI64, at::kLong},
};

std::optional<ElementType> element_type_of(at::ScalarType type) {
  for (const auto& [element_type, scalar_type] : kPairs) {
    if (scalar_type == type) return element_type;
  }
  return std::nullopt;
}

}  // namespace

at::ScalarType scalar_type_of(ElementType type) {
  return kPairs[static_cast<std::size_t>(type)].second;
}

at::Tensor tensor_of(const SafetensorsFile& file, const TensorEntry& entry) {
  const auto options = at::TensorOptions().dtype(scalar_type_of(entry.type));
  if (entry.bytes.empty()) return at::empty(entry.shape, options);
  // from_blob wants a mutable pointer; the mapping's pages are private and writable.
  auto* data = const_cast<std::byte*>(entry.bytes.data());
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(entry.type) != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    std::copy(entry.bytes.begin(), entry.bytes.end(), static_cast<std::byte*>(copy.data_ptr()));
    return copy;
  }
  return at::from_blob(
      data, entry.shape, [keep = file.mapping()](void*) {}, options);
}

base::Result<ParameterMap> load_tensors(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::open(path));
  ParameterMap tensors;
  for (const TensorEntry& entry : file.tensors()) {
    tensors.emplace(entry.name, tensor_of(file, entry));
  }
  return tensors;
}

base::Status save_tensors(const std::string& path, const ParameterMap& tensors,
                          const std::map<std::string, std::string>& metadata, bool sync) {
  std::vector<at::Tensor> plain;  // owns the bytes that the entries point to
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    const auto type = element_type_of(tensor.scalar_type());
    if (!type) {
      return base::invalid_argument(path + ": tensor " + base::in_quotes(name) + ": dtype " +
                                    toString(tensor.scalar_type()) + " has no safetensors form");
    }
    plain.push_back(tensor.detach().to(at::kCPU).contiguous());
    entries.push_back({name,
                       *type,
                       plain.back().sizes().vec(),
                       {static_cast<const std::byte*>(plain.back().const_data_ptr()),
                        static_cast<std::size_t>(plain.back().nbytes())}});
  }
  return write_safetensors(path, entries, metadata, sync);
}

}  // namespace zoetrope::weights
