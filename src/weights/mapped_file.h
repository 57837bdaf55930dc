// A whole file mapped into memory. The mapping lives as long as any copy of the object: copies
// share it, so that a tensor made on top of it can keep it alive.
//
// Pages are private and copied when written, so writing to a tensor that lies in the mapping
// changes neither the file nor what others see. Nothing protects against another process cutting
// the file short while it is mapped: reading beyond the new end raises SIGBUS, as with any mapping.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::weights {

class MappedFile {
 public:
  // Only regular files. One line that names the file otherwise; kNotFound if it does not exist.
  static base::Result<MappedFile> open(const std::string& path);

  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }

 private:
  MappedFile(std::shared_ptr<std::byte> data, std::size_t size)
      : data_(std::move(data)), size_(size) {}

  std::shared_ptr<std::byte> data_;
  std::size_t size_;
};

}  // namespace zoetrope::weights
