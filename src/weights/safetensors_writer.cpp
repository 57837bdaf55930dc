#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/in_quotes.h"
#include "weights/atomic_file.h"
#include "weights/safetensors.h"

namespace zoetrope::weights {

namespace {

constexpr std::size_t kHeaderAlignment = 8;

base::Status check_entry(const TensorEntry& tensor) {
  const auto bad = [&](const char* why) {
    return base::invalid_argument(fmt::format("tensor {}: {}", base::in_quotes(tensor.name), why));
  };
  if (tensor.name == "__metadata__") return bad("the name is reserved");
  std::uint64_t bytes = size_of(tensor.type);
  for (const std::int64_t dim : tensor.shape) {
    if (dim < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dim), &bytes)) {
      return bad("impossible shape");
    }
  }
  if (bytes != tensor.bytes.size()) return bad("its bytes do not match its type and shape");
  return {};
}

// Wider types first, then by name, so that every tensor is aligned and the order is determined.
std::vector<const TensorEntry*> in_file_order(std::span<const TensorEntry> tensors) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return a->type != b->type ? a->type > b->type : a->name < b->name;
  });
  return order;
}

std::string header_of(const std::vector<const TensorEntry*>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const TensorEntry* tensor : tensors) {
    const std::size_t end = offset + tensor->bytes.size();
    // push_back, not operator[]: an ordered_json looks for a key by walking through all of them.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        tensor->name, nlohmann::ordered_json{{"dtype", to_string(tensor->type)},
                                             {"shape", tensor->shape},
                                             {"data_offsets", {offset, end}}});
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return text;
}

}  // namespace

base::Status write_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                               const std::map<std::string, std::string>& metadata, bool sync) {
  std::set<std::string_view> names;
  for (const TensorEntry& tensor : tensors) {
    if (auto status = check_entry(tensor); !status.ok()) return status.with_context(path);
    if (!names.insert(tensor.name).second) {
      return base::invalid_argument(path + ": two tensors named " + base::in_quotes(tensor.name));
    }
  }
  const auto order = in_file_order(tensors);
  std::string header;
  try {
    header = header_of(order, metadata);
  } catch (const nlohmann::json::type_error&) {  // how dump() reports bytes that are not UTF-8
    return base::invalid_argument(path + ": a tensor name or metadata string is not UTF-8");
  }

  ZT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  const std::uint64_t header_bytes = header.size();
  ZT_RETURN_IF_ERROR(file.write(std::as_bytes(std::span(&header_bytes, 1))));
  ZT_RETURN_IF_ERROR(file.write(std::as_bytes(std::span(header))));
  for (const TensorEntry* tensor : order) ZT_RETURN_IF_ERROR(file.write(tensor->bytes));
  return file.commit(sync);
}

}  // namespace zoetrope::weights
