// A safetensors file: whatever is accepted lies within the file and covers its data exactly.
#include "weights/safetensors.h"

#include <algorithm>
#include <cstdint>

#include "fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  const auto file = std::as_bytes(std::span(data, size));
  const auto content = weights::parse_safetensors(file, "fuzz");
  if (!content.ok()) {
    fuzz::check_refusal(content.status());
    return 0;
  }
  std::uint64_t header_bytes = 0;
  std::copy_n(data, sizeof header_bytes, reinterpret_cast<std::uint8_t*>(&header_bytes));
  std::size_t total = sizeof header_bytes + header_bytes;
  for (const weights::TensorEntry& tensor : content->tensors) {
    std::uint64_t elements = 1;
    for (const std::int64_t dim : tensor.shape) elements *= static_cast<std::uint64_t>(dim);
    fuzz::check(elements * weights::size_of(tensor.type) == tensor.bytes.size(),
                "size of a tensor");
    fuzz::check(tensor.bytes.data() >= file.data() &&
                    tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size(),
                "a tensor lies outside the file");
    total += tensor.bytes.size();
  }
  fuzz::check(total == file.size(), "header and tensors do not make up the file");
  return 0;
}
