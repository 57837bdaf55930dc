// A short number for many bytes, to notice that something has changed. No protection against
// intent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::eval {

// FNV-1a of 64 bits (Fowler, Noll, Vo).
class Fingerprint {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  std::string text() const;  // 16 hexadecimal digits

 private:
  uint64_t hash_ = 14695981039346656037u;
};

// Of the names and bytes of a folder's files. Errors name the file.
base::Result<std::string> folder_fingerprint(const std::filesystem::path& folder);

}  // namespace zoetrope::eval
